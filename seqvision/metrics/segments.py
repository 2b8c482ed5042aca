"""Labels of frames as segments: their borders, which of two sequences' segments match, how far their orders differ.

A segment is a run of frames with one label. Many videos are treated at once, laid end to end, with a border at each
one's first frame; every function here works on whole arrays.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, eq=False)
class Segments:
    """Runs of equal labels, in order: the frames from each start up to its end (not included)."""

    labels: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return self.ends - self.starts

    def at(self, chosen: np.ndarray) -> "Segments":
        """Those at these places, or where it is True."""
        return Segments(self.labels[chosen], self.starts[chosen], self.ends[chosen])


def segments(labels: np.ndarray, borders: Sequence[int] | np.ndarray = ()) -> Segments:
    """The runs of `labels` (time,). borders: frames at which a run begins whatever lies before, e.g. another video."""
    labels = np.asarray(labels)
    begins = np.ones(len(labels), bool)
    np.not_equal(labels[1:], labels[:-1], out=begins[1:])
    begins[[border for border in borders if border < len(labels)]] = True
    starts = np.flatnonzero(begins)
    return Segments(labels[starts], starts, np.append(starts[1:], len(labels))[: len(starts)])


class Matches(NamedTuple):
    """For each predicted segment the true one of the same label that it overlaps best, and by how much.

    truth: its place, -1 where none of that label is touched. iou: frames in common as a share of the frames of either.
    """

    truth: np.ndarray
    iou: np.ndarray

    def hits(self, overlap: float) -> np.ndarray:
        """The places of the true segments that were found: those which a prediction overlaps by at least `overlap`.

        Each counts once. A prediction whose best is taken already is a false one, though its second best may be free:
        so the field's programs have it, in whose words this is a loop over predictions; which of several takes a
        segment does not matter to the count.
        """
        return np.unique(self.truth[(self.truth >= 0) & (self.iou >= overlap)])


def match(predicted: Segments, true: Segments) -> Matches:
    """Each predicted segment's best match. Both must divide the same frames without a gap. Of equals the earliest."""
    cuts = np.union1d(predicted.starts, true.starts)
    ends = np.append(cuts[1:], true.ends[-1:])
    # two ways of dividing one line: between two cuts lies exactly what one pair of segments has in common
    prediction = np.searchsorted(predicted.starts, cuts, side="right") - 1
    truth = np.searchsorted(true.starts, cuts, side="right") - 1
    same = predicted.labels[prediction] == true.labels[truth]
    prediction, truth, common = prediction[same], truth[same], (ends - cuts)[same]
    iou = common / (predicted.lengths[prediction] + true.lengths[truth] - common)
    best_last = np.lexsort((-truth, iou, prediction))
    found = Matches(np.full(len(predicted.labels), -1), np.zeros(len(predicted.labels)))
    found.truth[prediction[best_last]], found.iou[prediction[best_last]] = truth[best_last], iou[best_last]
    return found


def edit_distance(first: Sequence[Hashable] | np.ndarray, second: Sequence[Hashable] | np.ndarray) -> int:
    """The fewest insertions, deletions and replacements that turn one into the other (Levenshtein, 1966).

    A column of the classic table is held as the bits of two whole numbers (Myers, 1999; Hyyrö, 2003).
    """
    if len(first) == 0 or len(second) == 0:
        return max(len(first), len(second))
    places: dict[Hashable, int] = {}
    for place, symbol in enumerate(first):
        places[symbol] = places.get(symbol, 0) | 1 << place
    every, last = (1 << len(first)) - 1, 1 << len(first) - 1
    rises, falls, distance = every, 0, len(first)  # where a column's entry is one more, or less, than the one above
    for symbol in second:
        equal = places.get(symbol, 0)
        carried = (((equal & rises) + rises) ^ rises) | equal | falls
        up, down = falls | ~(carried | rises), rises & carried
        distance += 1 if up & last else -1 if down & last else 0
        up, down = up << 1 | 1, down << 1
        rises, falls = (down | ~(carried | up)) & every, up & carried & every
    return distance


@dataclass(frozen=True)
class SegmentStatistics:
    """How the segments of one class, or of all, were divided; of each pair the truth comes first.

    count: segments. mean: their mean length in frames. short: percent of them with fewer frames than asked for.
    ratio: predicted segments for a true one; above 1 what is one action falls to pieces, below 1 actions are missed or
    run together. NaN where there is nothing to divide by.
    """

    name: str
    count: tuple[int, int]
    mean: tuple[float, float]
    short: tuple[float, float]

    @property
    def ratio(self) -> float:
        return self.count[1] / self.count[0] if self.count[0] else float("nan")


def statistics_of(name: str, true: np.ndarray, predicted: np.ndarray, short: int) -> SegmentStatistics:
    """From the lengths of the segments."""

    def mean(values: np.ndarray) -> float:
        return float(values.mean()) if len(values) else float("nan")

    return SegmentStatistics(
        name,
        count=(len(true), len(predicted)),
        mean=(mean(true), mean(predicted)),
        short=(100 * mean(true < short), 100 * mean(predicted < short)),
    )
