"""`seqvision train --help`: what there is to choose from."""

from pathlib import Path

from seqvision.cli.config import conf_dir

HELP = """usage: seqvision train [experiment=NAME] [group=choice …] [key=value …]

  seqvision train                                     a captioner of drawn scenes, with all defaults
  seqvision train pattern=labelling data=videos data.path=my_clips
                                                      another pattern: classification, labelling, translation, painting
  seqvision train experiment=caption_scenes           a whole run by name
  seqvision train data=files data.path=my_pictures    your own pictures and captions
  seqvision train rnn=lstm optimizer.lr=3e-4          other parts, other values
  seqvision train resume=runs/scenes/2026-01-31_12-00-00
  seqvision train --multirun rnn=elman,lstm seed=0,1,2
  seqvision train sweep=variants 'sweep.variants={{elman: ["rnn=elman"], lstm: ["rnn=lstm"]}}'

  --cfg job            print the configuration and stop
  --config-dir DIR     a folder of your own configuration files, e.g. DIR/experiment/mine.yaml
  --multirun           one run for each combination of the values given with commas
  --trust MODULE       with resume=: a module of your own that the run's configuration may call. A run's folder is code:
                       resume= none that you would not run (SECURITY.md); all else is refused
  --shell-completion … install completion: seqvision train --shell-completion install=bash

choices
{groups}"""


def help_text() -> str:
    """The help with all choices of the configuration."""
    return HELP.format(groups="\n".join(_choices()))


def _choices() -> list[str]:
    """Each group of the configuration with its choices."""
    return [
        f"  {folder.name:<16}{', '.join(sorted(_name(file, folder) for file in folder.rglob('*.yaml')))}"
        for folder in sorted(conf_dir().iterdir())
        if folder.is_dir() and folder.name != "hydra"
    ]


def _name(file: Path, folder: Path) -> str:
    """What a file of a group is called in an override: experiment=lecture/valley."""
    return str(file.relative_to(folder).with_suffix(""))
