"""How far scores may be trusted that are no means over items, and how much better one system is than another."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqvision.data.progress import tracked
from seqvision.inference.evaluation_data import bounds_of_score
from seqvision.metrics import PairedDifference, bootstrap_interval
from seqvision.metrics.bootstrap import Groups, interval, known_intervals

LEVEL = 0.95
Intervals = dict[str, tuple[float, float]]  # by score, of those that have one
Score = Callable[[np.ndarray], Mapping[str, float]]  # from places of items (any number of times each) to their scores


@dataclass(frozen=True)
class Resampled:
    """A system's scores on all items, and on the items of each resample: `draws` (resamples,) by score.

    Two systems that were resampled with the same groups and seed met the same items in each draw.
    """

    scores: dict[str, float]
    draws: dict[str, np.ndarray]
    groups: Groups

    def intervals(self) -> Intervals:
        """Of those scores that have one (see `seqvision.metrics.bootstrap`); none without resamples."""
        found = {
            name: interval(self.scores[name], values, self.groups.number, level=LEVEL, bounds=bounds_of_score(name))
            for name, values in self.draws.items()
        }
        return known_intervals(found)

    def over(self, other: "Resampled", *, names: Sequence[str]) -> dict[str, PairedDifference]:
        """By how much this system's scores of these names are above the other's, draw by draw (Koehn, 2004)."""
        found = {}
        for name in names:
            difference = float(self.scores.get(name, np.nan) - other.scores.get(name, np.nan))
            if np.isfinite(difference) and (name in self.draws or self.groups.number < 2):
                drawn = self.draws[name] - other.draws[name] if name in self.draws else np.array([])
                ends = interval(difference, drawn, self.groups.number, level=LEVEL)
                items = len(self.groups.of_item)
                found[name] = PairedDifference(difference, *ends, LEVEL, items, self.groups.number)
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
    of = Groups(groups)
    scores = dict(score(np.arange(len(groups))))
    if of.number < 2 or not resamples:
        return Resampled(scores, {}, of)
    draws = tracked(of.draws(resamples, seed), total=resamples, description=description or "Resampling")
    found = [score(of.items(drawn)) for drawn in draws]
    return Resampled(scores, {name: np.array([each.get(name, np.nan) for each in found]) for name in scores}, of)


def intervals_of_means(
    items: Mapping[str, Sequence[float] | np.ndarray], groups: Sequence[Hashable], *, resamples: int, seed: int
) -> Intervals:
    """Of those scores that have one and are means over items, by the scores of the items."""
    how: dict[str, Any] = {"resamples": resamples, "seed": seed}
    return known_intervals(
        {name: bootstrap_interval(each, groups, bounds=bounds_of_score(name), **how) for name, each in items.items()}
    )
