"""`seqvision train sweep=…`: many trainings, one after the other, in one folder that can be gone on with."""

import contextlib
import copy
import gc
import json
import math
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from seqvision.cli.config import check_overrides, plain
from seqvision.cli.objects import instantiate
from seqvision.cli.output import open_output, write_output
from seqvision.errors import UserError
from seqvision.sweeps import Proposal, Strategy, Sweep, Trial, read_sweep
from seqvision.wording import counted

NOT_A_TRIALS = ("sweep", "resume", "run_dir")


def run_sweep(config: DictConfig, hydra: Any, *, command: str) -> dict[str, float]:
    """The best trial's last scores, once all are trained: leaves sweep.json, figure.png and report.html beside them.

    A trial that was finished in the same folder is kept; one that was broken off goes on where it was. Raises
    `UserError`, before anything is trained, for what no trial could be made of.
    """
    from hydra.types import RunMode

    if hydra.mode == RunMode.MULTIRUN:
        raise UserError("--multirun with sweep=…: a sweep is many trainings itself; leave out one of the two")
    settings = plain(config.sweep)
    strategy: Strategy = instantiate(settings["strategy"])
    overrides = list(hydra.overrides.task)
    trainings = Trainings(
        root=Path(config.run_dir).resolve(),
        base=[each for each in overrides if not_the_sweeps(each)],
        options=_options(hydra),
        config_name=str(hydra.job.config_name),
    )
    if any(each.startswith("seed=") for each in trainings.base):
        raise UserError("seed=… with sweep=…: every trial is trained once a seed; write sweep.seeds=[0,1,2]")
    sweep = Sweep(
        name=config.name,
        kind=str(hydra.runtime.choices.sweep),
        command=command,
        overrides=[*trainings.options, *overrides],
        monitor=config.monitor.score,
        mode=config.monitor.mode,
        shown=[settings["score"]] if isinstance(settings["score"], str) else settings["score"],
        **{name: settings[name] for name in ("x", "log", "title", "see")},
    )
    earlier = trainings.earlier()
    kept = {trial.folder: trial for trial in earlier.trials} if earlier else {}
    if earlier:
        sweep = replace(sweep, command=earlier.command)
    trainings.check(strategy)
    found: list[Trial] = []
    scored: list[tuple[Proposal, float | None]] = []
    while proposals := strategy.propose(scored):
        planned = [_kept(trainings.trial(each, seed), kept) for each in proposals for seed in settings["seeds"]]
        for number, trial in enumerate(planned):
            place = f"{len(found) + number + 1}/{len(found) + len(planned)}"
            if trial.done:
                _tell(f"{place}  {said(trial, sweep)}  (was there)")
                continue
            planned[number] = replace(trial, state="running")
            save(replace(sweep, trials=[*found, *planned]), trainings.root)
            _tell(f"{place}  {trial.name}, seed {trial.seed} …", passing=True)
            planned[number] = trainings.train(trial, sweep)
            save(replace(sweep, trials=[*found, *planned]), trainings.root)
            _tell(f"{place}  {said(planned[number], sweep)}")
        found += planned
        sweep = replace(sweep, trials=found)
        scored += [(each, sweep.score_of(each.name)) for each in proposals]
    save(sweep, trainings.root)
    instantiate(settings["figure"])(sweep).savefig(trainings.root / "figure.png", dpi=150)
    write_page(sweep, trainings.root)
    return _ended(sweep, trainings.root)


def not_the_sweeps(override: str) -> bool:
    """Whether an override is about the trainings, and not about the sweep itself or its folder."""
    return override.lstrip("+~").partition("=")[0].partition(".")[0] not in NOT_A_TRIALS


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
        overrides = [*self.base, "sweep=none", *proposal.overrides, f"seed={seed}"]
        command = shlex.join(["seqvision", "train", *self.options, *overrides])
        folder = self.root / f"{proposal.folder}-seed{seed}"
        return Trial(proposal.name, proposal.overrides, seed, folder, command=command, values=proposal.values)

    def check(self, strategy: Strategy) -> None:
        """Nothing, if all that the strategy may propose fits the configuration."""
        for overrides in strategy.check():
            self.config(overrides)

    def config(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration with a trial's overrides, to be changed by whoever asks for it."""
        from seqvision.cli.train import several_processes

        if tuple(overrides) not in self.configs:
            search = self.options[self.options.index("--config-dir") + 1] if "--config-dir" in self.options else None
            together = [*self.base, "sweep=none", *overrides]
            config = check_overrides(together, config_name=self.config_name, search=search)
            if several_processes(config):
                raise UserError(
                    "sweep=… with several processes a training: the further ones would begin the whole sweep again. "
                    "Take trainer.devices=1"
                )
            config.sweep = None  # what an experiment says of it
            self.configs[tuple(overrides)] = config
        return copy.deepcopy(self.configs[tuple(overrides)])

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

    def train(self, trial: Trial, sweep: Sweep) -> Trial:
        """The trial with what came out; what it prints is in log.txt in its folder."""
        import torch

        from seqvision.callbacks import Diverged, StopOnDivergence
        from seqvision.cli.train import fit

        config = self.config(trial.overrides)
        config.seed, config.run_dir = trial.seed, str(trial.folder)
        if (trial.folder / "last.ckpt").is_file():
            config.resume = str(trial.folder / "last.ckpt")
        elif trial.folder.exists():
            shutil.rmtree(trial.folder)  # broken off before it had anything to go on with
        trial.folder.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        trial = replace(trial, state="finished", message="")
        with (trial.folder / "log.txt").open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
            try:
                fit(config, command=trial.command, callbacks=[StopOnDivergence()])
            except Diverged as end:
                trial = replace(trial, state="diverged", message=str(end))
                trial = replace(trial, steps=end.steps, steps_per_epoch=float(end.steps_per_epoch))
            except UserError as error:
                trial = replace(trial, state="failed", message=str(error))
            except torch.OutOfMemoryError as error:
                trial = replace(trial, state="failed", message=f"not enough memory: {str(error).splitlines()[0]}")
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return outcome(replace(trial, seconds=time.monotonic() - begun), sweep)


def outcome(trial: Trial, sweep: Sweep) -> Trial:
    """The trial with the scores and the curves that its folder holds."""
    from seqvision.inference.run_folder import read_curves, read_record

    curves, record = read_curves(trial.folder), read_record(trial.folder)
    if trial.state in ("waiting", "running"):  # it was stopped between its last word and ours
        trial = replace(trial, state="finished")
    monitored = [value for _, value in curves.get(sweep.monitor, ()) if math.isfinite(value)]
    if trial.state == "finished" and not monitored:
        trial = replace(trial, state="diverged", message=f"{sweep.monitor} was never a finite number")
    best = max if sweep.mode == "max" else min
    last = {name: last_of(name, points) for name, points in curves.items() if name not in ("epoch", "seconds")}
    return replace(
        trial,
        score=best(monitored) if trial.state == "finished" else None,
        scores={name: value for name, value in last.items() if math.isfinite(value)},
        seconds=round(curves["seconds"][-1][1] if "seconds" in curves else trial.seconds, 2),
        curves=curves,
        epochs=record.get("epochs", trial.epochs),
        steps=record.get("steps", trial.steps),
        steps_per_epoch=record.get("steps_per_epoch", trial.steps_per_epoch),
        parameters=record.get("parameters", trial.parameters),
    )


def last_of(name: str, points: Sequence[tuple[float, float]]) -> float:
    """The last value; of what is logged step by step, the mean over the last tenth."""
    tail = points[-max(1, len(points) // 10) :] if name.startswith("train/") else points[-1:]
    return sum(value for _, value in tail) / len(tail)


def save(sweep: Sweep, root: Path) -> None:
    """sweep.json, whole or as it was."""
    write_output(root / "sweep.json", json.dumps(sweep.to_dict(root), indent=1, ensure_ascii=False))


def write_page(sweep: Sweep, root: Path, output: Path | None = None) -> Path:
    """report.html beside the trials."""
    from seqvision.inference.sweep_report import write_sweep_report

    output = output or root / "report.html"
    with open_output(output) as file:
        write_sweep_report(file, sweep, root)
    return output


def said(trial: Trial, sweep: Sweep) -> str:
    """A trial in a line."""
    if trial.state != "finished":
        return f"{trial.name}, seed {trial.seed}: {trial.state}: {trial.message}"
    names = dict.fromkeys([*sweep.shown, sweep.monitor])
    scores = "  ".join(f"{name} {trial.scores[name]:.4g}" for name in names if name in trial.scores)
    return f"{trial.name}, seed {trial.seed}: {scores}  {trial.seconds:.0f} s"


def _kept(trial: Trial, kept: dict[Path, Trial]) -> Trial:
    """The trial, or what has come of it already."""
    earlier = kept.get(trial.folder)
    if earlier is None:
        return trial
    if earlier.overrides != trial.overrides:
        before, now = (" ".join(each.overrides) or "nothing changed" for each in (earlier, trial))
        raise UserError(
            f"{trial.folder}: was trained with {before}, and now '{trial.name}' is {now}; "
            "choose another hydra.run.dir, or delete that folder"
        )
    return earlier


def _options(hydra: Any) -> list[str]:
    """The flags of the command that a trial needs as well."""
    folders = [each.path for each in hydra.runtime.config_sources if each.provider == "command-line"]
    named = ["--config-name", hydra.job.config_name] if hydra.job.config_name != "train" else []
    return [*named, *(word for folder in folders for word in ("--config-dir", str(folder)))]


def _tell(line: str, *, passing: bool = False) -> None:
    """A line of progress; on a terminal, a passing one is written over by the next."""
    if not passing:
        print(f"\r\033[K{line}" if sys.stdout.isatty() else line, flush=True)
    elif sys.stdout.isatty():
        print(line, end="", flush=True)


def _ended(sweep: Sweep, root: Path) -> dict[str, float]:
    """The best trial's scores; says what there is."""
    states = [trial.state for trial in sweep.trials]
    print(f"{counted(len(states), 'training')} in {sweep.seconds:.0f} s: {root}")
    ranked = sweep.ranked()
    if not ranked:
        return {}
    name, score = ranked[0]
    best = sweep.of(name)[0]
    print(f"  best by {sweep.monitor}: {name} ({score:.4g})\n  {best.command}\n  {root / 'report.html'}")
    return dict(best.scores)
