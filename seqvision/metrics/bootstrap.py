"""How far scores may be trusted: the one place where intervals and standard errors come from.

Items of one group (frames of a recording, recordings of a subject, sentences that are equal) depend on each other, so
that whole groups are drawn with replacement (cluster bootstrap; Davison and Hinkley, 1997, section 3.8). The standard
error is the deviation of the resampled scores, times √(G / (G − 1)) for what a bootstrap of G groups loses. The
interval is the estimate ± t · error, with t of G − 1 degrees of freedom (Cameron and Miller, 2015, section VI), because
percentiles of the resampled scores cover the truth in 77 to 92 % of draws of eight groups where 95 are promised. Scores
between two bounds get it on the logistic scale (Korn and Graubard, 1998), on which they are nearer to a normal
distribution and which keeps the ends inside. Simulated coverage is in tests/metrics/test_coverage.py.

There is no interval, and NaN stands for its ends, where nothing shows how much another group would differ: of one
group, and of groups that are all alike.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from seqvision.errors import UserError
from seqvision.wording import counted

NONE = (float("nan"), float("nan"))
PERCENT = (0.0, 100.0)  # bounds of a score


class Groups:
    """Which items are drawn together: those with the same name."""

    def __init__(self, names: Sequence[Hashable] | np.ndarray):
        numbers: dict[Hashable, int] = {}
        self.of_item = np.array([numbers.setdefault(name, len(numbers)) for name in names], int)
        self.number = len(numbers)
        order = np.argsort(self.of_item, kind="stable")
        self._items = np.split(order, np.cumsum(np.bincount(self.of_item))[:-1]) if len(order) else []

    def draws(self, resamples: int, seed: int) -> Iterator[Int[np.ndarray, " groups"]]:
        """As many groups as there are, drawn with replacement, `resamples` times; none of fewer than two groups."""
        generator = np.random.default_rng(seed)
        for _ in range(resamples if self.number > 1 else 0):
            yield generator.integers(self.number, size=self.number)

    def items(self, drawn: Int[np.ndarray, " groups"]) -> Int[np.ndarray, " items"]:
        """The places of the items of drawn groups, as often as these were drawn."""
        return np.concatenate([self._items[group] for group in drawn])

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(groups, …): the sum of each group's rows of `values` (items, …)."""
        found = np.zeros((self.number, *values.shape[1:]))
        np.add.at(found, self.of_item, values)
        return found

    def said(self) -> str:
        """In words, of what intervals speak, or why there are none."""
        if self.number < 2:
            return (
                "no intervals: all that was scored is of one group (subject, recording, image or sentence), and says "
                "nothing of how much another one would differ"
            )
        items = len(self.of_item)
        of = "" if items == self.number else f" of {counted(items, 'item')}"
        return (
            f"intervals: 95 %, over {self.number} groups{of} drawn whole (t with {self.number - 1} degrees of "
            "freedom); a score that is the same in all groups has none"
        )


def standard_error(resampled: Float[np.ndarray, " resamples"], groups: int) -> float:
    """The standard error of a score, from its values on resampled groups; NaN of one group, or of groups all alike."""
    known = resampled[np.isfinite(resampled)]
    if groups < 2 or len(known) < 2:
        return float("nan")
    error = float(known.std()) * (groups / (groups - 1)) ** 0.5
    return error if error > 1e-9 * float(np.abs(known).max()) else float("nan")


def interval(
    estimate: float,
    resampled: Float[np.ndarray, " resamples"],
    groups: int,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> tuple[float, float]:
    """Lower and upper end of the interval around an estimate, from its values on resampled groups; else `NONE`.

    bounds: what the score cannot pass, such as `PERCENT`; None for a difference and for what has no bounds.
    """
    error = standard_error(resampled, groups)
    if not np.isfinite(error) or not np.isfinite(estimate):
        return NONE
    reach = quantile(groups, level) * error
    if bounds is None or not bounds[0] < estimate < bounds[1]:
        return estimate - reach, estimate + reach
    low, width = bounds[0], bounds[1] - bounds[0]
    share = (estimate - low) / width
    reach /= width * share * (1 - share)
    odds = (1 - share) / share
    lower, upper = (low + width / (1 + odds * math.exp(min(turn * reach, 700.0))) for turn in (1, -1))
    return lower, upper


def known_intervals(intervals: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Those of the intervals, by score, that are not `NONE`."""
    return {name: ends for name, ends in intervals.items() if np.isfinite(ends).all()}


def quantile(groups: int, level: float = 0.95) -> float:
    """How many standard errors an interval reaches to either side."""
    from scipy.special import stdtrit  # here, because its start-up time is not for every command

    return float(stdtrit(groups - 1, (1 + level) / 2))


def bootstrap_interval(
    values: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable] | np.ndarray | None = None,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
    bounds: tuple[float, float] | None = None,
) -> tuple[float, float]:
    """Lower and upper end of the interval of the mean of values, whole groups drawn (see `interval`).

    Without `groups` every value is its own. NaN where a value is NaN, and where there is no interval: one value, one
    group, groups with the same mean. Raises `UserError` for no values, for groups of another length and for a level
    outside (0, 1).
    """
    numbers = np.asarray(values, float)
    if not numbers.size:
        raise UserError("No values, so there is no mean to put an interval around; give at least one.")
    if not 0 < level < 1:
        raise UserError(f"level is {level}; expected a share between 0 and 1, for example 0.95.")
    if groups is not None and len(groups) != len(numbers):
        raise UserError(f"{len(numbers)} values but groups for {len(groups)}; give one group name for each value.")
    drawn = Groups(np.arange(len(numbers)) if groups is None else groups)
    sums, sizes = drawn.sums(numbers), drawn.sums(np.ones(len(numbers)))
    means = np.array([sums[draw].sum() / sizes[draw].sum() for draw in drawn.draws(resamples, seed)])
    return interval(float(numbers.mean()), means, drawn.number, level=level, bounds=bounds)
