"""Going on with a run: its own configuration, its own folder, its last checkpoint."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from seqvision.cli.config import conf_dir, near_key
from seqvision.errors import UserError


def resume_checkpoint(path: str | Path) -> Path:
    """The checkpoint to go on from: the file itself, or last.ckpt in a run's folder."""
    path = Path(path)
    file = path / "last.ckpt" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"resume={path}: no {file.name} there; a run leaves last.ckpt in its folder under runs/")
    return file


def saved_config(path: str | Path) -> DictConfig:
    """The configuration of the run that `path` belongs to."""
    saved = resume_checkpoint(path).parent / "config.yaml"
    if not saved.is_file():
        raise UserError(f"resume={path}: {saved} is missing; it says what the run was made of")
    config = OmegaConf.load(saved)
    assert isinstance(config, DictConfig)
    return config


def added(resume: str, arguments: list[str]) -> list[str]:
    """The arguments with `++` before each value of the run's configuration that they change: Hydra, which knows only
    the default's keys, then takes them. A UserError for a key that the run has not.
    """
    config = saved_config(resume)

    def taken(argument: str) -> str:
        key, equals, _ = argument.partition("=")
        if not equals or key == "resume" or key.startswith(("-", "+", "~", "hydra.")) or (conf_dir() / key).is_dir():
            return argument
        if OmegaConf.select(config, key, default=config) is config:
            raise UserError(f"{argument}: the run's configuration has no key '{key}'. {near_key(key, config)}")
        return f"++{argument}"

    return [taken(argument) for argument in arguments]


def resumed_config(path: str | Path, overrides: list[str]) -> DictConfig:
    """The configuration of the run that `path` belongs to, with single values changed by `overrides`."""
    file, config = resume_checkpoint(path), saved_config(path)
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if (conf_dir() / key).is_dir():
            raise UserError(f"{override}: a run goes on with the parts it was begun with; only values can be changed")
        OmegaConf.update(config, key, OmegaConf.create(f"value: {value}").value)
    config.resume, config.run_dir = str(file), str(file.parent)
    return config


def sweep_arguments(arguments: list[str]) -> list[str]:
    """The arguments; where they go on with a sweep (resume=FOLDER), those that it was begun with before them."""
    from seqvision.sweeps import read_sweep

    resume = next((Path(each.partition("=")[2]) for each in arguments if each.startswith("resume=")), None)
    if resume is None or not (resume / "sweep.json").is_file():
        return arguments
    rest = [each for each in arguments if not each.startswith("resume=")]
    return [*read_sweep(resume).overrides, *rest, f"hydra.run.dir={resume}"]


def set_aside_metrics(run_dir: Path, step: int) -> None:
    """Keeps the curves up to `step` under another name: the logger begins a new file."""
    metrics = run_dir / "metrics.csv"
    if metrics.is_file():
        metrics.rename(run_dir / f"metrics-before-{step:08}.csv")
