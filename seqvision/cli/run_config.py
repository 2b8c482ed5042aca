"""config.yaml in a run's folder: what the run was made of, and what it was made of before it was resumed otherwise."""

from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqvision.cli.config import plain
from seqvision.cli.output import write_output
from seqvision.data.core.text import read_text
from seqvision.errors import UserError

FILE = "config.yaml"
_EARLIER = "config-earlier-*.yaml"
_DEEPEST = 50
_ABSENT = object()


def read_config(file: Path) -> DictConfig:
    """The configuration in a file, whoever has written it. Raises `UserError` for anything else."""
    text = read_text(file)
    try:
        _check_small(text, file)
        config = OmegaConf.create(text)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError, RecursionError, AssertionError) as error:
        # a single number is an assertion of OmegaConf's
        raise UserError(f"{file}: no configuration ({' '.join(str(error).split()) or 'one value':.200})") from error
    if not isinstance(config, DictConfig):
        raise UserError(f"{file}: holds a list; expected the keys of a configuration")
    return config


def store_config(config: DictConfig, folder: Path) -> None:
    """Writes the configuration of a run. Where the run is resumed with other values than before, those before are kept
    beside it: the command that began it is known by them when it comes again.
    """
    file = folder / FILE
    if config.resume and file.is_file() and changes(read_config(file), config, folder):
        number = 1 + len(list(folder.glob(_EARLIER)))
        write_output(folder / _EARLIER.replace("*", str(number)), file.read_text(encoding="utf-8"))
    write_output(file, OmegaConf.to_yaml(config))


def had_config(config: DictConfig, folder: Path) -> bool:
    """Whether a run had this configuration before it was resumed with another."""
    return any(not changes(read_config(file), config, folder) for file in sorted(folder.glob(_EARLIER)))


def changes(there: DictConfig, here: DictConfig, folder: Path) -> list[str]:
    """The values in which two configurations of a run in the folder differ, in words."""
    before, now = _comparable(there, folder), _comparable(here, folder)
    different = [key for key in sorted(before | now) if before.get(key, _ABSENT) != now.get(key, _ABSENT)]
    return [f"{key} ({before.get(key, 'absent')} there, {now.get(key, 'absent')} here)" for key in different]


def _check_small(text: str, file: Path) -> None:
    """Raises `UserError` for YAML that is small and takes minutes to read: by aliases of aliases, or by nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise UserError(f"{file}: holds a YAML alias (*name), which no configuration of a run has; write it out")
        if depth > _DEEPEST:
            raise UserError(f"{file}: nested more than {_DEEPEST} levels deep; no configuration of a run is")


def _comparable(config: DictConfig, folder: Path) -> dict[str, Any]:
    """All values by their keys with dots, without those that say where a run is and where it goes on."""
    config = config.copy()
    config.run_dir = str(folder)
    values = plain(config)
    for key in ("run_dir", "resume", "sweep"):
        values.pop(key, None)
    if values.get("transfer") and isinstance(values.get("encoder"), dict):
        values["encoder"].pop("stages", None)  # which the transfer has chosen
    return _flat(values)


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict) or not tree:
        return {prefix.removesuffix("."): tree}
    return {key: value for name, part in tree.items() for key, value in _flat(part, f"{prefix}{name}.").items()}
