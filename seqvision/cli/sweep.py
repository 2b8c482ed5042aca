"""`seqvision train sweep=…`: many trainings in one folder, that can be broken off and gone on with."""

import json
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from seqvision.cli.config import plain
from seqvision.cli.objects import instantiate
from seqvision.cli.output import open_output, write_output
from seqvision.cli.overrides import assignment
from seqvision.cli.resume import resume_command
from seqvision.cli.trainings import Trainings, not_the_sweeps, outcome
from seqvision.errors import Stopped, UserError
from seqvision.sweeps import Proposal, Strategy, Sweep, Trial
from seqvision.wording import counted

Runner = Callable[[Sequence[Trial]], Iterator[Trial]]


def run_sweep(
    config: DictConfig, hydra: Any, *, command: str, runner: Callable[[Trainings], Runner] = lambda each: each.in_turn
) -> dict[str, float]:
    """The best trial's last scores, once all are trained: leaves sweep.json, figure.png and report.html beside them.

    A trial that was finished in the same folder is kept; one that was broken off goes on where it was. Raises
    `UserError`, before anything is trained, for what no trial could be made of.

    hydra: Hydra's own part of the configuration; runner: what trains a round's trials, and gives each as it ends.
    """
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
        space=strategy.described,
        **{name: settings[name] for name in ("x", "log", "title", "see")},
    )
    earlier = trainings.earlier()
    if earlier:
        sweep = replace(sweep, command=earlier.command)
    trainings.check(strategy)
    try:
        sweep = _trained(sweep, strategy, trainings, settings, runner(trainings), earlier)
    except (Stopped, KeyboardInterrupt) as end:
        signum = end.signum if isinstance(end, Stopped) else signal.SIGINT
        go_on = resume_command(trainings.root, config)
        raise Stopped(signum, f"go on with: {go_on}") from end
    if settings["print"]:
        return {}
    from seqvision.figures.save import save_image

    trainings.check_trusted(sweep.trials)
    save_image(instantiate(settings["figure"])(sweep), trainings.root / "figure.png")
    write_page(sweep, trainings.root)
    return _ended(sweep, trainings.root)


def _trained(
    sweep: Sweep,
    strategy: Strategy,
    trainings: Trainings,
    settings: dict[str, Any],
    run: Runner,
    earlier: Sweep | None,
) -> Sweep:
    """The sweep with all its trials, round by round; saved whenever one has ended."""
    kept = {trial.folder: trial for trial in earlier.trials} if earlier else {}
    scored: list[tuple[Proposal, float | None]] = []
    while proposals := strategy.propose(scored):
        before = list(sweep.trials)
        planned = [_kept(trainings.trial(each, seed), kept) for each in proposals for seed in settings["seeds"]]
        places = [place for place, trial in enumerate(planned) if not trial.done]
        todo = [planned[place] for place in places]
        sweep = replace(sweep, trials=[*before, *planned])
        save(sweep, trainings.root)
        if settings["print"]:
            _print(todo)
            return sweep
        for place, trial in enumerate(planned):
            if trial.done:
                _tell(f"{len(before) + place + 1}/{len(sweep.trials)}  {said(trial, sweep)}  (was there)")
        ended = run(todo)
        for place, trial in zip(places, todo, strict=True):
            number = f"{len(before) + place + 1}/{len(sweep.trials)}"
            _tell(f"{number}  {trial.name}, seed {trial.seed} …", passing=True)
            planned[place] = outcome(next(ended), sweep)
            sweep = replace(sweep, trials=[*before, *planned])
            save(sweep, trainings.root)
            _tell(f"{number}  {said(planned[place], sweep)}")
        scored += [(each, sweep.score_of(each.name)) for each in proposals]
    sweep = replace(sweep, notes=strategy.notes(scored))
    save(sweep, trainings.root)
    return sweep


def save(sweep: Sweep, root: Path) -> None:
    """sweep.json, whole or as it was."""
    root.mkdir(parents=True, exist_ok=True)
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
    values = f" ({' '.join(trial.overrides)})" if trial.values else ""
    head = f"{trial.name}{values}, seed {trial.seed}:"
    if trial.state != "finished":
        return f"{head} {trial.state}: {trial.message}"
    names = dict.fromkeys([*sweep.shown, sweep.monitor])
    scores = "  ".join(f"{name} {trial.scores[name]:.4g}" for name in names if name in trial.scores)
    return f"{head} {scores}  {trial.seconds:.0f} s"


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
    folders = [each.path for each in hydra.runtime.config_sources if each.provider.endswith("command-line")]
    named = ["--config-name", hydra.job.config_name] if hydra.job.config_name != "train" else []
    return [*named, *(word for folder in folders for word in ("--config-dir", str(folder)))]


def _print(trials: Sequence[Trial]) -> None:
    """The commands of the trials."""
    for trial in trials:
        print(f"{trial.command} {shlex.quote(assignment('hydra.run.dir', trial.folder))}")


def _tell(line: str, *, passing: bool = False) -> None:
    """A line of progress; on a terminal, a passing one is written over by the next."""
    if not passing:
        print(f"\r\033[K{line}" if sys.stdout.isatty() else line, flush=True)
    elif sys.stdout.isatty():
        print(line, end="", flush=True)


def _ended(sweep: Sweep, root: Path) -> dict[str, float]:
    """The best trial's scores; says what there is."""
    print(f"{counted(len(sweep.trials), 'training')} in {sweep.seconds:.0f} s: {root}")
    for note in sweep.notes:
        print(f"  {note}")
    ranked = sweep.ranked()
    if not ranked:
        return {}
    name, score = ranked[0]
    best = sweep.of(name)[0]
    print(f"  best by {sweep.monitor}: {name} ({score:.4g})\n  {best.command}\n  {root / 'report.html'}")
    return dict(best.scores)
