"""A sweep as it lies in its folder: sweep.json."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from seqvision.errors import UserError
from seqvision.signatures import expected_by, fits
from seqvision.sweeps.trial import Trial

FORMAT = 1
FILE = "sweep.json"


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
        if held["format"] != FORMAT:
            raise UserError(f"{file}: format {str(held['format'])[:20]}, this version reads format {FORMAT}")
        trials = [Trial.from_dict(check_fields(Trial, entry), Path(folder)) for entry in held["trials"]]
        rest = {key: value for key, value in held.items() if key not in ("format", "seconds", "best", "trials")}
        return Sweep(trials=trials, **check_fields(Sweep, rest))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read ({error!r:.200}); take another copy") from error


def check_fields(kind: type, entry: Any) -> dict[str, Any]:
    """The entry itself, if its values are of the types that the fields of the class have. Raises TypeError else."""
    hints = get_type_hints(kind)
    for name, value in entry.items():
        if name in hints and not fits(value, hints[name]):
            raise TypeError(f"{name} is {value!r:.60}, expected {expected_by(hints[name], None)}")
    return entry
