"""One training of a sweep: what it was made of, and what came out."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

Points = Sequence[tuple[float, float]]
STATES = ("waiting", "running", "finished", "diverged", "failed")


@dataclass(frozen=True)
class Trial:
    """A training by the overrides that a proposal adds to the sweep's own, with one seed.

    state: waiting, running, finished, diverged (the loss is not a number any more), failed (message says why).
    score: the best value of the monitored validation score over the epochs; None unless finished.
    scores: the last value of every curve; of what is logged in training, the mean over the last tenth of its points.
    curves: (step, value) points by logged name; they lie in the trial's folder and not in sweep.json.
    """

    name: str
    overrides: tuple[str, ...]
    seed: int
    folder: Path
    command: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    state: str = "waiting"
    message: str = ""
    score: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    epochs: int = 0
    steps: int = 0
    steps_per_epoch: float = 0.0
    parameters: int = 0
    curves: Mapping[str, Points] = field(default_factory=dict, repr=False, compare=False)

    @property
    def done(self) -> bool:
        """Whether there is nothing more to train."""
        return self.state in ("finished", "diverged")

    def curve(self, name: str, *, x: str = "step") -> list[tuple[float, float]]:
        """The points of a curve over steps, over epochs or over seconds of training; empty where it was not logged."""
        points = self.curves.get(name, ())
        if x == "epoch" and self.steps_per_epoch:
            return [((step + 1) / self.steps_per_epoch, value) for step, value in points]
        if x == "seconds":
            clock = list(self.curves.get("seconds", ()))
            return [(_between(clock, step), value) for step, value in points] if clock else []
        return [(step + 1, value) for step, value in points]

    def to_dict(self, root: Path) -> dict[str, Any]:
        """Plain data, its folder as seen from the sweep's."""
        left_out = ("curves", "folder", "overrides")
        plain = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in left_out}
        return {**plain, "overrides": list(self.overrides), "folder": str(self.folder.relative_to(root))}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any], root: Path) -> "Trial":
        """The trial that `to_dict` wrote, the sweep's folder now being `root`."""
        return cls(**{**entry, "overrides": tuple(entry["overrides"]), "folder": root / entry["folder"]})


def _between(clock: list[tuple[float, float]], step: float) -> float:
    """The time of a step, by the straight line between the times that were logged; from zero at the beginning."""
    place = bisect_left(clock, (step, float("-inf")))
    if place == len(clock):
        return clock[-1][1]
    at, time = clock[place]
    before, then = clock[place - 1] if place else (-1.0, 0.0)
    return then + (time - then) * (step - before) / (at - before)
