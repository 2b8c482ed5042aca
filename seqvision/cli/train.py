"""`seqvision train`: a configuration with overrides in, a run's folder with checkpoints and curves out."""

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.cli.beside import beside_baselines
from seqvision.cli.build import build
from seqvision.cli.config import check_overrides, conf_dir, config_hash, plain
from seqvision.cli.data_paths import store_absolute
from seqvision.cli.monitored import check_mode
from seqvision.cli.objects import instantiate_each
from seqvision.cli.output import write_output
from seqvision.cli.overrides import assignment, check_folder, resume_path, with_paths
from seqvision.cli.requeue import continued
from seqvision.cli.resume import (
    added,
    check_weights,
    finished,
    resume_checkpoint,
    resume_command,
    resumed_config,
    set_aside_metrics,
    sweep_arguments,
)
from seqvision.cli.run_config import store_config
from seqvision.cli.signals import queued_again
from seqvision.cli.steps import extend, open_ended
from seqvision.cli.train_help import help_text
from seqvision.cli.trainer import new_trainer, say_unsynchronized
from seqvision.cli.trainer_settings import check_trainer, trainer_errors
from seqvision.cli.transfer import settle
from seqvision.cli.trusted import take_trust
from seqvision.cli.unused import check_used
from seqvision.cli.use import next_commands
from seqvision.cli.values import check_single_values
from seqvision.digest import nonfinite
from seqvision.errors import Stopped, UserError
from seqvision.files import expect_folder, remove_abandoned

RUN_DIR = "SEQVISION_RUN_DIR"
NOT_BEGUN = "training had not begun: repeat the command"


def main(arguments: list[str]) -> int:
    """Runs the training that the arguments describe."""
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        raise Stopped(signal.SIGINT, NOT_BEGUN) from None
    except Stopped as end:
        queued = queued_again() if end.signum == signal.SIGUSR1 else ""
        raise Stopped(end.signum, "; ".join(filter(None, [queued, end.hint or NOT_BEGUN]))) from None


def _main(arguments: list[str]) -> int:
    if arguments and arguments[0] in ("-h", "--help"):
        print(help_text())
        return 0
    trust, arguments = take_trust(arguments)
    arguments = with_paths(sweep_arguments(arguments, trust))
    resume = resume_path(arguments)
    if resume:
        arguments = added(resume, arguments, trust)
    check_folder(resume or Path())
    overrides = [a for a in arguments if a.startswith("~") or ("=" in a and not a.startswith("-"))]
    search = _value(arguments, "--config-dir", "-cd")
    name = _value(arguments, "--config-name", "-cn") or "train"
    several = bool({"--multirun", "-m"} & set(arguments))
    if not several and not {"-sc", "--shell-completion"} & set(arguments):
        check_overrides(overrides, config_name=name, search=search)
    launched = any(each.startswith(("+cluster=", "hydra/launcher=")) for each in overrides)
    if launched and not several and "--cfg" not in arguments:
        from seqvision.cli.launched import launch_sweep

        said = shlex.join(["seqvision", "train", *arguments])
        if launch_sweep(overrides, config_name=name, search=search, command=said):
            return 0
    if resume:
        arguments = [
            *arguments,
            assignment("hydra.run.dir", resume_checkpoint(resume).parent),
            "hydra.output_subdir=null",
        ]
    arguments = _flags_first(arguments)
    joined = RUN_DIR in os.environ
    if joined:  # a process of a distributed run: it shares the first one's folder
        arguments = [*arguments, assignment("hydra.run.dir", os.environ[RUN_DIR])]

    import hydra

    # the file name stays: Lightning starts further processes by the very command line that started this one
    command, sys.argv = sys.argv, [sys.argv[0], *arguments]

    mistakes: list[UserError] = []

    def job(config: DictConfig) -> None:
        sys.argv = command
        try:
            run(config, trust)
        except UserError as error:
            if several:
                raise  # or the runs that follow would begin
            mistakes.append(error)  # Hydra would print a line of its own before the sentence

    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come out as they are, not cut short
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")(job)()
    except Stopped:
        if not joined:  # else the process that started this one says it, and would take it for dead
            raise
    finally:
        sys.argv = command
    if mistakes:
        raise mistakes[0]
    return 0


def run(config: DictConfig, trust: Sequence[str] = ()) -> dict[str, float]:
    """The last validation's scores of a training run by its configuration; of a sweep, the best trial's."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    command = shlex.join(["seqvision", *sys.argv[1:]])
    if HydraConfig.initialized():
        hydra = HydraConfig.get()
        if config.resume:
            config = resumed_config(config.resume, list(hydra.overrides.task), trust)
        elif config.sweep and "strategy" in config.sweep:
            from seqvision.cli.sweep import run_sweep

            if hydra.mode == RunMode.MULTIRUN:
                raise UserError("--multirun with sweep=…: a sweep is many trainings itself; leave out one of the two")
            return run_sweep(config, hydra, command=command)
        if hydra.mode == RunMode.MULTIRUN:
            check_used(config, hydra.overrides.task)
            if several_processes(config):
                raise UserError(
                    "--multirun with several processes a run: the further ones would get other values than the first. "
                    "Start each combination as a command of its own, or hand them to a cluster (+cluster=slurm)"
                )
    config.sweep = None  # what an experiment says of it is nothing to a single training
    scores: dict[str, float] = fit(config, command=command)["scores"]
    from pytorch_lightning.utilities import rank_zero_only

    if rank_zero_only.rank == 0:  # type: ignore[attr-defined]  # set on the function at its import
        for line in beside_baselines(Path(config.run_dir), str(config.pattern), trust):
            print(line)
    return scores


def several_processes(config: DictConfig) -> bool:
    """Whether a training would start further processes itself, with the command line that started this one."""
    from pytorch_lightning.plugins.environments import SLURMEnvironment

    several = "ddp" in str(config.trainer.get("strategy")) or str(config.trainer.devices) != "1"
    return several and not SLURMEnvironment.detect()


def fit(config: DictConfig, *, command: str, callbacks: Sequence[Any] = ()) -> dict[str, Any]:
    """The record (run.json) of the training that a configuration describes, with callbacks besides its own."""
    from hydra.core.hydra_config import HydraConfig

    from seqvision.callbacks import StopOnSignal

    check_single_values(plain(config))
    config.run_dir = str(Path(config.run_dir).resolve())
    store_absolute(config)
    if not config.resume:
        config, record = continued(config)
        if record:
            return record
    os.environ[RUN_DIR] = config.run_dir
    HydraConfig.instance().cfg = None  # Lightning would start further processes in a way of its own for Hydra
    try:
        with StopOnSignal(config.run_dir, command=resume_command(config.run_dir, config)) as stop:
            return _fit(config, command, [*callbacks, stop])
    finally:
        del os.environ[RUN_DIR]


def _fit(unresolved: DictConfig, command: str, further: Sequence[Any]) -> dict[str, Any]:
    """Builds all parts, trains, and leaves the run's folder."""
    from pytorch_lightning.callbacks import Callback, LambdaCallback
    from pytorch_lightning.loggers import Logger

    from seqvision.callbacks import AtomicCheckpointIO, SameConfiguration, steps_per_epoch
    from seqvision.inference.checkpoint_file import read_checkpoint

    begun = time.time()
    config = OmegaConf.create(plain(unresolved))
    check_mode(config)
    run_dir = Path(config.run_dir)
    expect_folder(run_dir)
    remove_abandoned(run_dir)
    checkpoint = read_checkpoint(resume_checkpoint(config.resume)) if config.resume else {}
    if config.resume and (done := finished(checkpoint, config, open_ended=open_ended(unresolved))):
        print(f"nothing left to do: {done}")
        kept: dict[str, Any] = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
        return kept

    check_trainer(config)
    # the trainer first: what it lacks (a device, a key for tracking) is said before any work is done
    callbacks = instantiate_each(config.callbacks, Callback)
    trainer = new_trainer(
        config.trainer,
        callbacks=[*callbacks, *further],
        logger=instantiate_each(config.logger, Logger),
        plugins=[AtomicCheckpointIO()],
    )
    device, synchronized = trainer.strategy.root_device, bool(config.trainer.get("sync_batchnorm"))
    settle(unresolved, device=device, report=run_dir / "stages.json", tell=trainer.is_global_zero)
    resolved = plain(unresolved)
    config, digest = OmegaConf.create(resolved), config_hash(resolved)

    def keep_configuration(*_: Any) -> None:
        """Once all is built and loaded: a run that is refused leaves the folder's configuration as it was."""
        if trainer.is_global_zero:
            store_config(unresolved, run_dir)

    trainer.callbacks += [SameConfiguration(digest), LambdaCallback(on_train_start=keep_configuration)]
    task, data = build(config, resolved, device)
    say_unsynchronized(task, trainer, synchronized=synchronized)
    size = sum(parameter.numel() for parameter in task.model.parameters())
    if trainer.is_global_zero:
        print(f"{data.summary()}\n  parameters: {size:,}")
        if task.preconditioner is not None:
            print(f"  {task.preconditioner.summary()}")

    if open_ended(unresolved):
        extend(trainer, data, config.get("min_steps"))
    ready = time.time()
    if config.resume:
        check_weights(checkpoint, task, config)
        if trainer.is_global_zero:
            set_aside_metrics(run_dir, checkpoint["global_step"])
        checkpoint.clear()  # the trainer reads it again
    with trainer_errors():
        trainer.fit(task, datamodule=data, ckpt_path=config.resume, weights_only=True)
    record = {
        "name": config.name,
        "command": command,
        "config_hash": digest,
        "seed": config.seed,
        "seconds": {"preparation": round(ready - begun, 1), "training": round(time.time() - ready, 1)},
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "steps_per_epoch": steps_per_epoch(trainer),
        "parameters": size,
        "scores": _scores(trainer, run_dir),
    }
    if trainer.is_global_zero:
        write_output(run_dir / "run.json", json.dumps(record, indent=2))
        print(f"done in {time.time() - begun:.0f} s: {run_dir}")
        if broken := nonfinite(task.model.state_dict()):
            print(
                f"seqvision: the training diverged: the weights in {broken} are not finite at the end. Train with "
                "a smaller optimizer.lr; best.ckpt is of use only if its epoch came before",
                file=sys.stderr,
            )
        for line in next_commands(config.pattern, run_dir, data):
            print(f"  {line}")
    return record


def _scores(trainer: Any, run_dir: Path) -> dict[str, float]:
    """The last validation's scores; those on disk where a run was ended between its last epoch and its record."""
    from seqvision.inference.run_folder import read_curves

    measured = {key: float(value) for key, value in trainer.callback_metrics.items() if key.startswith("val/")}
    return measured or {key: points[-1][1] for key, points in read_curves(run_dir).items() if key.startswith("val/")}


def _flags_first(arguments: list[str]) -> list[str]:
    """The same arguments with the flags before the overrides, as Hydra's parser wants them."""
    switches = {flag for flag in arguments if flag in ("--multirun", "-m")}
    return [*sorted(switches), *(argument for argument in arguments if argument not in switches)]


def _value(arguments: list[str], *names: str) -> str | None:
    """The value of an option given as `--name value` or `--name=value`."""
    for index, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option in names:
            return value if equals else arguments[index + 1] if index + 1 < len(arguments) else None
    return None
