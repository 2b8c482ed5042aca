"""How far scores may be trusted that are no means over items, and how much better one system is than another."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqvision.data.progress import tracked
from seqvision.metrics import PairedDifference

LEVEL = 0.95
Score = Callable[[np.ndarray], Mapping[str, float]]  # from places of items (any number of times each) to their scores


@dataclass(frozen=True)
class Resampled:
    """A system's scores on all items, and on the items of each resample: `draws` (resamples,) by score.

    Two systems that were resampled with the same groups and seed met the same items in each draw.
    """

    scores: dict[str, float]
    draws: dict[str, np.ndarray]

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The percentile bootstrap intervals (Efron and Tibshirani, 1993); none without resamples."""
        return {name: _ends(values) for name, values in self.draws.items() if np.isfinite(values).any()}

    def over(self, other: "Resampled", *, items: int, names: Sequence[str]) -> dict[str, PairedDifference]:
        """By how much this system's scores of these names are above the other's, draw by draw (Koehn, 2004)."""
        found = {}
        for name in names:
            difference = self.scores.get(name, np.nan) - other.scores.get(name, np.nan)
            if np.isfinite(difference) and name in self.draws:
                lower, upper = _ends(self.draws[name] - other.draws[name])
                found[name] = PairedDifference(float(difference), lower, upper, LEVEL, items)
        return found


class MeanScore:
    """The mean of several systems' scores: what one of them, taken blindly, is worth."""

    def __init__(self, scores: Sequence[Score]):
        self.scores = scores

    def __call__(self, places: np.ndarray) -> dict[str, float]:
        each = [score(places) for score in self.scores]
        return {name: float(np.mean([found[name] for found in each])) for name in each[0]}


def resample(
    score: Score, groups: Sequence[Hashable], *, resamples: int, seed: int, description: str = ""
) -> Resampled:
    """The scores of all items and of `resamples` sets of them, whole groups drawn with replacement.

    groups: of each item; those of one group (a subject, a recording) are not independent. With fewer than two groups
    there is nothing to draw from, and no draws come out.
    """
    scores = dict(score(np.arange(len(groups))))
    numbers: dict[Hashable, list[int]] = {}
    for place, name in enumerate(groups):
        numbers.setdefault(name, []).append(place)
    members = [np.array(places) for places in numbers.values()]
    if len(members) < 2 or not resamples:
        return Resampled(scores, {})
    generator = np.random.default_rng(seed)
    found = []
    for _ in tracked(range(resamples), total=resamples, description=description or "Resampling"):
        drawn = generator.integers(len(members), size=len(members))
        found.append(score(np.concatenate([members[place] for place in drawn])))
    return Resampled(scores, {name: np.array([each.get(name, np.nan) for each in found]) for name in scores})


def _ends(values: np.ndarray) -> tuple[float, float]:
    lower, upper = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(lower), float(upper)
