"""A sweep as it lies in its folder: sweep.json."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from seqvision.errors import UserError
from seqvision.json_shapes import (
    ANY,
    COUNT,
    FINITE,
    FOLDER,
    INTEGER,
    TEXT,
    by_name,
    check_shapes,
    list_of,
    one_of,
    or_null,
)
from seqvision.sweeps.space import Space
from seqvision.sweeps.trial import STATES, Trial

FORMAT = 1
FILE = "sweep.json"
_AGAIN = "Copy the file again or restore it from a backup; in a folder without it the sweep begins anew."
_OVERRIDES = list_of(TEXT)
_SWEEP = {
    **{"name": TEXT, "kind": TEXT, "command": TEXT, "overrides": _OVERRIDES, "monitor": TEXT, "notes": list_of(TEXT)},
    **{"mode": one_of("max", "min"), "x": one_of("step", "epoch", "seconds"), "shown": list_of(TEXT)},
    **{"log": list_of(TEXT), "title": or_null(TEXT), "see": or_null(TEXT), "space": by_name(ANY)},
    "trials": list_of(by_name(ANY), least=1),
}
_TRIAL = {
    **{"name": TEXT, "overrides": _OVERRIDES, "seed": INTEGER, "folder": FOLDER, "command": TEXT, "message": TEXT},
    **{"values": by_name(ANY), "state": one_of(*STATES), "score": or_null(FINITE), "scores": by_name(FINITE)},
    **{"seconds": FINITE, "epochs": COUNT, "steps": COUNT, "steps_per_epoch": FINITE, "parameters": COUNT},
}


@dataclass(frozen=True)
class Sweep:
    """All trials of a sweep in their order, and how they are to be shown.

    kind: variants, grid, …; overrides: what the command that began it said; monitor, mode: the validation score that
    the best trial has, and whether more of it is better (max) or less (min).
    shown: the curves that the figure shows; x: step, epoch or seconds; log: its logarithmic axes; see: what there is
    to see, in a sentence. notes: what the strategy has to say about what it found. seconds: of all trainings.
    """

    name: str
    kind: str
    command: str
    overrides: Sequence[str]
    monitor: str
    mode: str
    trials: Sequence[Trial] = ()
    shown: Sequence[str] = ("train/loss",)
    x: str = "step"
    log: Sequence[str] = ()
    title: str | None = None
    see: str | None = None
    notes: Sequence[str] = ()
    space: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return sum(trial.seconds for trial in self.trials)

    @property
    def names(self) -> list[str]:
        """The names of the variants in their order, each once."""
        return list(dict.fromkeys(trial.name for trial in self.trials))

    def of(self, name: str) -> list[Trial]:
        """The trials of a variant, one a seed."""
        return [trial for trial in self.trials if trial.name == name]

    def values(self, score: str) -> dict[str, list[float]]:
        """The last values of a curve (`Trial.scores`) by variant, one a seed; inf or -inf, the worse, for a trial that
        diverged, nothing for one that failed or has no such curve.
        """
        worst = -math.inf if score == self.monitor and self.mode == "max" else math.inf
        found: dict[str, list[float]] = {name: [] for name in self.names}
        for trial in self.trials:
            if trial.state == "diverged":
                found[trial.name].append(worst)
            elif score in trial.scores:
                found[trial.name].append(trial.scores[score])
        return found

    def means(self, score: str) -> dict[str, float]:
        """The mean of those over the seeds, by variant."""
        return {name: sum(found) / len(found) for name, found in self.values(score).items() if found}

    def score_of(self, name: str) -> float | None:
        """The mean over a variant's seeds of the best validation score; None where one diverged or failed."""
        scores = [trial.score for trial in self.of(name)]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if known and len(known) == len(scores) else None

    def ranked(self) -> list[tuple[str, float]]:
        """Variants with that score, the best first; without those that have none."""
        scores = [(name, score) for name in self.names if (score := self.score_of(name)) is not None]
        return sorted(scores, key=lambda entry: entry[1], reverse=self.mode == "max")

    def to_dict(self, root: Path) -> dict[str, Any]:
        """Plain data."""
        ranked = self.ranked()
        best = self.of(ranked[0][0])[0] if ranked else None
        return {
            "format": FORMAT,
            "name": self.name,
            "kind": self.kind,
            "command": self.command,
            "overrides": list(self.overrides),
            "monitor": self.monitor,
            "mode": self.mode,
            "shown": list(self.shown),
            "x": self.x,
            "log": list(self.log),
            "title": self.title,
            "see": self.see,
            "notes": list(self.notes),
            "space": dict(self.space),
            "seconds": round(self.seconds, 1),
            "best": best and {"name": ranked[0][0], "score": ranked[0][1], "command": best.command},
            "trials": [trial.to_dict(root) for trial in self.trials],
        }


def read_sweep(folder: str | Path) -> Sweep:
    """The sweep in a folder, without its curves; a UserError where there is none, or one of another version."""
    file = Path(folder) / FILE
    if not file.is_file():
        raise UserError(f"{folder}: no {FILE} there; a sweep (`seqvision train sweep=…`) leaves one in its folder")
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read ({error!r:.200}). {_AGAIN}") from error
    if not isinstance(held, dict):
        raise UserError(f"{file}: {held!r:.60}, expected an object. {_AGAIN}")
    if held.get("format") != FORMAT:
        raise UserError(f"{file}: format {str(held.get('format'))[:20]}, this version reads format {FORMAT}")
    check_shapes(held, _SWEEP, file, _AGAIN)
    for place, entry in enumerate(held["trials"]):
        check_shapes(entry, _TRIAL, Path(f"{file}: trials[{place}]"), _AGAIN)
    trials = [Trial.from_dict(_known(Trial, entry), Path(folder)) for entry in held["trials"]]
    sweep = Sweep(**{**_known(Sweep, held), "trials": trials})
    if sweep.space:
        _check_values(sweep, file)
    return sweep


def _check_values(sweep: Sweep, file: Path) -> None:
    """Raises a `UserError` where a trial has other values than the search could choose."""
    try:
        space = Space(sweep.space)
    except (UserError, TypeError) as error:
        raise UserError(f"{file}: space is none that can be searched ({error}). {_AGAIN}") from error
    for place, trial in enumerate(sweep.trials):
        try:
            places = space.shares(trial.values)
        except (KeyError, ValueError, TypeError, ArithmeticError):
            places = [math.nan]
        if not all(math.isfinite(each) for each in places):
            raise UserError(
                f"{file}: trials[{place}]: values are {str(dict(trial.values))[:60]}; expected one for each key of "
                f"space, within its range. {_AGAIN}"
            )


def _known(kind: type, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields of the class are given; what else there is comes from a later version."""
    return {each.name: entry[each.name] for each in fields(kind) if each.name in entry}
