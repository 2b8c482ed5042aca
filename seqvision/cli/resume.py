"""Going on with a run: its own configuration, its own folder, its last checkpoint."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.cli.config import conf_dir, near_key
from seqvision.cli.data_paths import find_moved
from seqvision.cli.overrides import assignment, resume_path, value_of
from seqvision.cli.run_config import FILE, read_config
from seqvision.cli.trusted import check_overrides_trusted, check_trusted, modules_to_trust
from seqvision.errors import UserError
from seqvision.wording import counted


def resume_checkpoint(path: str | Path) -> Path:
    """The checkpoint to go on from: the file itself, or last.ckpt in a run's folder."""
    path = Path(path)
    file = path / "last.ckpt" if path.is_dir() else path
    if file.suffix == ".safetensors":
        raise UserError(f"resume={path}: a packed model, without what training goes on from; see start_from={path}")
    if not file.is_file():
        raise UserError(f"resume={path}: no {file.name} there; a run leaves last.ckpt in its folder under runs/")
    return file


def resume_command(folder: str | Path, config: DictConfig | None = None) -> str:
    """The command that goes on with the run or sweep in a folder, as one types it; config: what the run calls."""
    plain = OmegaConf.to_container(config) if config is not None else None
    trust = [word for module in modules_to_trust(plain) for word in ("--trust", module)]
    return shlex.join(["seqvision", "train", *trust, f"resume={folder}"])


def saved_config(path: str | Path, trust: Sequence[str] = ()) -> DictConfig:
    """The configuration of the run that `path` belongs to. A `UserError` where it would call what is not to be trusted
    (see `check_trusted`); trust: modules that are.
    """
    saved = resume_checkpoint(path).parent / FILE
    if not saved.is_file():
        raise UserError(f"resume={path}: {saved} is missing; it says what the run was made of")
    config = read_config(saved)
    check_trusted(OmegaConf.to_container(config), trust, str(saved))
    return config


def added(resume: Path, arguments: list[str], trust: Sequence[str] = ()) -> list[str]:
    """The arguments with `++` before each value of the run's configuration that they change: Hydra, which knows only
    the default's keys, then takes them. A UserError for a key that the run has not.
    """
    config = saved_config(resume, trust)

    def taken(argument: str) -> str:
        key, equals, _ = argument.partition("=")
        if not equals or key == "resume" or key.startswith(("-", "+", "~", "hydra.")) or (conf_dir() / key).is_dir():
            return argument
        if OmegaConf.select(config, key, default=config) is config:
            raise UserError(f"{argument}: the run's configuration has no key '{key}'. {near_key(key, config)}")
        return f"++{argument}"

    return [taken(argument) for argument in arguments]


def resumed_config(path: str | Path, overrides: list[str], trust: Sequence[str] = ()) -> DictConfig:
    """The configuration of the run that `path` belongs to, with single values changed by `overrides`."""
    file, config = resume_checkpoint(path), saved_config(path, trust)
    if OmegaConf.is_dict(config.get("data")):
        find_moved(config.data, run_then=str(config.get("run_dir") or ""), run_now=file.resolve().parent)
    for override in overrides:
        key = override.lstrip("+").partition("=")[0]
        if (conf_dir() / key).is_dir():
            raise UserError(f"{override}: a run goes on with the parts it was begun with; only values can be changed")
        OmegaConf.update(config, key, value_of(override))
    config.resume, config.run_dir = str(file), str(file.parent)
    return config


def sweep_arguments(arguments: list[str], trust: Sequence[str] = ()) -> list[str]:
    """The arguments; where they go on with a sweep (resume=FOLDER), those that it was begun with before them."""
    from seqvision.sweeps import read_sweep

    resume = resume_path(arguments)
    if resume is None or not (resume / "sweep.json").is_file():
        return arguments
    rest = [each for each in arguments if not each.startswith("resume=")]
    overrides = read_sweep(resume).overrides
    check_overrides_trusted(overrides, trust, str(resume / "sweep.json"))
    return [*overrides, *rest, assignment("hydra.run.dir", resume)]


def check_weights(checkpoint: dict[str, Any], task: Any, config: DictConfig) -> None:
    """A UserError where a run's checkpoint is of other weights than the task's."""
    own = {name: list(value.shape) for name, value in task.state_dict().items()}
    held = {name: list(value.shape) for name, value in checkpoint["state_dict"].items()}
    wrong = [name for name in own.keys() | held.keys() if own.get(name) != held.get(name)]
    if wrong:
        name = min(wrong)
        raise UserError(
            f"resume={config.resume}: these settings make another network than that of the run: "
            f"{counted(len(wrong), 'tensor')} differ ({name}: {held.get(name, 'not')} there, {own.get(name, 'not')} "
            "here). Change only what leaves its form alone, or begin a new run; start_from=… takes weights that fit"
        )


def finished(checkpoint: dict[str, Any], config: DictConfig, *, open_ended: bool = False) -> str:
    """Why a run that has written its record would make no step more, and what would let it; else nothing. A UserError
    where it has gone beyond what is asked. open_ended: nobody has said how many epochs, and the run's record does.
    """
    made, epochs = _epochs(checkpoint), config.trainer.get("max_epochs")
    if open_ended:
        from seqvision.inference.run_folder import read_record

        epochs = read_record(Path(config.run_dir)).get("epochs")
    if isinstance(epochs, int) and 0 <= epochs < made:
        raise UserError(
            f"trainer.max_epochs={epochs}: the run has made {counted(made, 'epoch')} already; give a larger number"
        )
    if (Path(config.run_dir) / "run.json").is_file():
        steps = int(checkpoint["global_step"])
        for key, number, asked in (("max_epochs", made, epochs), ("max_steps", steps, config.trainer.get("max_steps"))):
            if asked == number:
                return f"trainer.{key}={number} is what the run has made; a larger number lets it go on"
    return ""


def _epochs(checkpoint: dict[str, Any]) -> int:
    """The whole epochs that a run has made."""
    return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


def set_aside_metrics(run_dir: Path, step: int) -> None:
    """Keeps the curves up to `step` under another name: the logger begins a new file.

    A run may be resumed at one step several times: the parts between hold the validation at that step, if anything.
    """
    metrics, kept, number = run_dir / "metrics.csv", run_dir / f"metrics-before-{step:08}.csv", 1
    while kept.exists():
        number += 1
        kept = run_dir / f"metrics-{number}-before-{step:08}.csv"
    if metrics.is_file():
        metrics.rename(kept)
