"""How far a mean over a few hundred captions may be trusted."""

from collections.abc import Hashable, Sequence

import numpy as np

from seqvision.errors import UserError


def bootstrap_interval(
    values: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable] | np.ndarray | None = None,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
) -> tuple[float, float]:
    """Lower and upper end of the percentile bootstrap interval of the mean (Efron and Tibshirani, 1993).

    Whole groups are drawn with replacement: pictures that share a name, a scene or an author are not independent, and
    drawing them singly makes the interval too narrow. Without `groups` every value is its own. NaN where a value is
    NaN. Raises `UserError` for no values, for groups of another length and for a level outside (0, 1).
    """
    numbers = np.asarray(values, float)
    if not numbers.size:
        raise UserError("No values, so there is no mean to put an interval around; give at least one.")
    if not 0 < level < 1:
        raise UserError(f"level is {level}; expected a share between 0 and 1, for example 0.95.")
    group = np.arange(len(numbers)) if groups is None else _numbered(groups)
    if len(group) != len(numbers):
        raise UserError(f"{len(numbers)} values but groups for {len(group)}; give one group name for each value.")
    sums, sizes = np.bincount(group, numbers), np.bincount(group)
    generator = np.random.default_rng(seed)
    draws = [generator.integers(len(sizes), size=len(sizes)) for _ in range(resamples)]
    means = [sums[draw].sum() / sizes[draw].sum() for draw in draws]
    lower, upper = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)


def _numbered(groups: Sequence[Hashable] | np.ndarray) -> np.ndarray:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in groups], int)
