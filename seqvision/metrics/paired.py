"""Whether one model is better than another, asked of the same items."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqvision.errors import UserError
from seqvision.metrics.bootstrap import bootstrap_interval


@dataclass(frozen=True)
class PairedDifference:
    """How much better the second model is than the first, in the unit of the scores, with its interval.

    lower, upper: NaN where there is no interval (see `seqvision.metrics.bootstrap`). items: those that both have a
    score for; groups: in how many groups.
    """

    difference: float
    lower: float
    upper: float
    level: float
    items: int
    groups: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its ends, or None where there is none."""
        return None if math.isnan(self.lower) else (self.lower, self.upper)

    @property
    def certain(self) -> bool:
        """Whether there is an interval that leaves out 0: chance in the choice of items would hardly make such a
        difference.
        """
        return self.lower > 0 or self.upper < 0

    def __str__(self) -> str:
        if self.interval is None:
            why = "one group" if self.groups < 2 else f"the same in all {self.groups} groups"
            return f"{self.difference:+.1f} (no interval: {why})"
        return f"{self.difference:+.1f} ({self.level:.0%} interval {self.lower:+.1f} to {self.upper:+.1f})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data: `interval` is null where there is none."""
        return {"difference": self.difference, "interval": self.interval and list(self.interval)}


def paired_difference(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable] | np.ndarray | None = None,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
) -> PairedDifference:
    """The mean of `second` − `first`, item by item, with its bootstrap interval (see `bootstrap_interval`).

    Both models meet the same hard and easy items, so what they share falls out of the difference; two intervals apart
    would be far too wide. It fits scores whose mean is the result: right or wrong, the edit score of a video. For the
    pooled accuracy of frames give frames as items with their videos as `groups`, of which whole ones are drawn. An item
    that is NaN for both is left out. Raises `UserError` where the two are not scores of the same items.
    """
    one, other = np.asarray(first, float), np.asarray(second, float)
    if one.shape != other.shape or one.ndim != 1:
        raise UserError(
            f"Scores of shape {one.shape} and {other.shape} are not of the same items; give a number for each item, in "
            "the same order."
        )
    scored = ~np.isnan(one)
    if (scored != ~np.isnan(other)).any():
        place = int(np.flatnonzero(scored == np.isnan(other))[0])
        raise UserError(f"Item {place} has a score from one model only; score both on the same items.")
    if groups is not None:
        if len(groups) != len(one):
            raise UserError(f"{len(one)} items but groups for {len(groups)}; give one group name for each item.")
        groups = [name for name, used in zip(groups, scored, strict=True) if used]
    difference = (other - one)[scored]
    lower, upper = bootstrap_interval(difference, groups, seed=seed, level=level, resamples=resamples)
    number = len(difference) if groups is None else len(set(groups))
    return PairedDifference(float(difference.mean()), lower, upper, level, len(difference), number)
