"""The trainings of a sweep: their configurations, their folders, and what they leave."""

import contextlib
import copy
import gc
import json
import math
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.cli.config import check_overrides
from seqvision.cli.output import write_output
from seqvision.cli.run_config import FILE, read_config
from seqvision.cli.trusted import check_trusted, modules_to_trust
from seqvision.data.core.json_values import read_object
from seqvision.errors import UserError
from seqvision.json_shapes import FINITE, TEXT, check_shapes, one_of
from seqvision.sweeps import Proposal, Strategy, Sweep, Trial, read_sweep
from seqvision.sweeps.trial import STATES


@dataclass(frozen=True)
class Trainings:
    """Trainings of one command with further overrides, each in a folder of its own below root.

    base: the command's overrides that all trials share; options: the command's flags; config_name: the root of the
    configuration.
    """

    root: Path
    base: Sequence[str]
    options: Sequence[str]
    config_name: str
    configs: dict[tuple[str, ...], DictConfig] = field(default_factory=dict)

    def trial(self, proposal: Proposal, seed: int) -> Trial:
        """The proposal with a seed, not yet trained."""
        command = shlex.join(["seqvision", "train", *self.options, *self.overrides(proposal.overrides, seed)])
        folder = self.root / f"{proposal.folder}-seed{seed}"
        return Trial(proposal.name, proposal.overrides, seed, folder, command=command, values=proposal.values)

    def overrides(self, further: Sequence[str], seed: int) -> list[str]:
        """All overrides of a single training."""
        return [*self.base, "sweep=none", *further, f"seed={seed}"]

    def check(self, strategy: Strategy) -> None:
        """Nothing, if all that the strategy may propose fits the configuration."""
        for overrides in strategy.check():
            self.config(overrides)

    def config(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration with a trial's overrides, to be changed by whoever asks for it."""
        if tuple(overrides) not in self.configs:
            search = self.options[self.options.index("--config-dir") + 1] if "--config-dir" in self.options else None
            together = [*self.base, "sweep=none", *overrides]
            self.configs[tuple(overrides)] = check_overrides(together, config_name=self.config_name, search=search)
        return copy.deepcopy(self.configs[tuple(overrides)])

    def check_trusted(self, trials: Sequence[Trial]) -> None:
        """Raises a `UserError` where a trial's folder holds a configuration that would call what none of this sweep's
        own configurations does (see `check_trusted`): figures build networks by them.
        """
        trust = modules_to_trust([OmegaConf.to_container(config) for config in self.configs.values()])
        for file in (trial.folder / FILE for trial in trials):
            if file.is_file():
                check_trusted(OmegaConf.to_container(read_config(file)), trust, str(file))

    def earlier(self) -> Sweep | None:
        """What an earlier part of the same sweep has left; a UserError where the folder holds another one."""
        if not (self.root / "sweep.json").is_file():
            return None
        earlier = read_sweep(self.root)
        if [each for each in earlier.overrides if not_the_sweeps(each)] != [*self.options, *self.base]:
            raise UserError(
                f"{self.root}: holds a sweep of other trainings, begun by `{earlier.command}`; "
                f"go on with that one (resume={self.root}), or choose another hydra.run.dir"
            )
        trials = [
            outcome(trial, earlier) if trial.done or (trial.folder / "run.json").is_file() else trial
            for trial in earlier.trials
        ]
        return replace(earlier, trials=trials)

    def in_turn(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        """The trials as they end, one after the other in this process; what each prints is in log.txt in its folder."""
        import torch

        from seqvision.cli.train import several_processes

        for trial in trials:
            config = self.config(trial.overrides)
            if several_processes(config):
                raise UserError(
                    "sweep=… with several processes a training: the further ones would begin the whole sweep again. "
                    "Take trainer.devices=1, or hand the trials to a cluster (+cluster=slurm)"
                )
            config.seed, config.run_dir = trial.seed, str(trial.folder)
            if trial.folder.exists() and not (trial.folder / "last.ckpt").is_file():
                shutil.rmtree(trial.folder)  # broken off before it had anything to go on with
            trial.folder.mkdir(parents=True, exist_ok=True)
            with (trial.folder / "log.txt").open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
                train_trial(config, trial.command)
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            yield trial


def not_the_sweeps(override: str) -> bool:
    """Whether an override is about the trainings, and not about the sweep itself or its folder."""
    name = override.lstrip("+~").partition("=")[0].partition(".")[0]
    return name not in ("sweep", "resume", "run_dir")


def train_trial(config: DictConfig, command: str) -> None:
    """Trains, from where an earlier attempt was broken off, and leaves how it ended as trial.json in its folder.

    What a user can mend, a divergence and too little memory are ways to end; the other trials go on.
    """
    import torch
    from pytorch_lightning.utilities import rank_zero_only

    from seqvision.callbacks import Diverged, StopOnDivergence
    from seqvision.cli.train import fit

    folder = Path(config.run_dir)
    config.sweep = None  # what an experiment says of it
    begun = time.monotonic()
    ended: dict[str, Any] = {"state": "finished"}
    try:
        fit(config, command=command, callbacks=[StopOnDivergence()])
    except Diverged as end:
        ended = {"state": "diverged", "message": str(end), "steps": end.steps, "steps_per_epoch": end.steps_per_epoch}
    except UserError as error:
        ended = {"state": "failed", "message": str(error)}
    except torch.OutOfMemoryError as error:
        ended = {"state": "failed", "message": f"not enough memory: {str(error).splitlines()[0]}"}
    if getattr(rank_zero_only, "rank", 0) == 0:
        leave(folder, {**ended, "seconds": time.monotonic() - begun})


def leave(folder: Path, ended: dict[str, Any]) -> None:
    """Writes how a trial ended."""
    folder.mkdir(parents=True, exist_ok=True)
    write_output(folder / "trial.json", json.dumps(ended))


def outcome(trial: Trial, sweep: Sweep) -> Trial:
    """The trial with how it ended and the scores and curves that its folder holds."""
    from seqvision.inference.run_folder import read_curves, read_record

    record = read_record(trial.folder)
    ended = {"state": "finished" if record else "failed", **_ended(trial.folder)}
    curves = read_curves(trial.folder)
    monitored = [value for _, value in curves.get(sweep.monitor, ()) if math.isfinite(value)]
    if ended["state"] == "finished" and not monitored:
        ended |= {"state": "diverged", "message": f"{sweep.monitor} was never a finite number"}
    best = max if sweep.mode == "max" else min
    last = {name: last_of(name, points) for name, points in curves.items() if name not in ("epoch", "seconds")}
    record = {**ended, **record}
    return replace(
        trial,
        state=ended["state"],
        message=ended.get("message", ""),
        score=best(monitored) if ended["state"] == "finished" else None,
        scores={name: value for name, value in last.items() if math.isfinite(value)},
        seconds=round(curves["seconds"][-1][1] if "seconds" in curves else ended.get("seconds", 0.0), 2),
        epochs=record.get("epochs", trial.epochs),
        steps=record.get("steps", trial.steps),
        steps_per_epoch=record.get("steps_per_epoch", trial.steps_per_epoch),
        parameters=record.get("parameters", trial.parameters),
        curves=curves,
    )


def last_of(name: str, points: Sequence[tuple[float, float]]) -> float:
    """The last value; of what is logged step by step, the mean over the last tenth."""
    tail = points[-max(1, len(points) // 10) :] if name.startswith("train/") else points[-1:]
    return sum(value for _, value in tail) / len(tail)


def _ended(folder: Path) -> dict[str, Any]:
    """What trial.json says; nothing where the trial was trained by a command of its own."""
    file = folder / "trial.json"
    if not file.is_file():
        return {}
    advice = "Delete the trial's folder, and it is trained again."
    ended = {"message": "", **read_object(file, advice)}
    check_shapes(ended, {"state": one_of(*STATES), "message": TEXT, "seconds": FINITE}, file, advice)
    return ended
