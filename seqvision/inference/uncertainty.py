"""Where a labeller is least certain: what is worth a person's time to label next."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqvision.files import open_atomic
from seqvision.inference.label_outputs import Labelled


@dataclass(frozen=True)
class Stretch:
    """Frames `start` up to `stop` of a recording (its place in the list), and the two likeliest classes there.

    margin: how far the two are apart on average, from 0 (undecided) to 1.
    """

    recording: int
    start: int
    stop: int
    margin: float
    best: int
    second: int


def margins(probabilities: np.ndarray, thresholds: Sequence[float] | None = None) -> np.ndarray:
    """How decided each frame is (time,), from 0 to 1: the likeliest class's probability less the second's (Scheffer et
    al., 2001); with several labels a frame, of the label nearest to its threshold, how far it is from there.
    """
    if thresholds is not None:
        nearest: np.ndarray = _distances(probabilities, thresholds).min(axis=1)
        return nearest
    if probabilities.shape[1] == 1:
        return np.ones(len(probabilities))
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    return np.asarray(first - second)


def least_certain(
    recordings: Sequence[np.ndarray],
    number: int,
    *,
    frames: Sequence[int],
    thresholds: Sequence[float] | None = None,
) -> list[Stretch]:
    """The `number` stretches of the smallest mean margin over all recordings, none overlapping, least certain first.

    recordings: probabilities (time, classes) of each. frames: how long a stretch of each is; one that is shorter is one
    stretch. A stretch rather than a frame: a person who looks at one labels what is around it at hardly more cost, and
    single frames at the borders of actions, which are always in doubt, would teach little.
    """
    candidates: list[tuple[float, int, int, int]] = []
    for place, (probabilities, length) in enumerate(zip(recordings, frames, strict=True)):
        length = min(max(1, length), len(probabilities))
        sums = np.concatenate([[0.0], np.cumsum(margins(probabilities, thresholds))])
        means = (sums[length:] - sums[:-length]) / length
        candidates += [(means[start], place, start, start + length) for start in _apart(means, length, number)]
    found = []
    for mean, place, start, stop in sorted(candidates)[:number]:
        shares = recordings[place][start:stop]
        if thresholds is None:
            order = shares.mean(axis=0).argsort(kind="stable")[::-1]
        else:
            order = _distances(shares, thresholds).mean(axis=0).argsort(kind="stable")
        second = order[1] if len(order) > 1 else order[0]
        found.append(Stretch(place, start, stop, float(mean), int(order[0]), int(second)))
    return found


def write_stretches(
    stretches: Sequence[Stretch], recordings: Sequence[Labelled], path: Path
) -> list[dict[str, str | float]]:
    """A table with a row a stretch: file, start and end, the two likeliest labels, the margin; the rows. Times are in
    frames if one of the recordings has no clock, and the columns then say so.
    """
    in_frames = any(recording.edges is None for recording in recordings)
    first, last = ("start_frame", "end_frame") if in_frames else ("start", "end")
    rows: list[dict[str, str | float]] = []
    for stretch in stretches:
        of = recordings[stretch.recording]
        start, stop = (stretch.start, stretch.stop) if in_frames else of.between(stretch.start, stretch.stop)
        rows.append(
            {
                "file": str(of.source),
                first: round(start, 3),
                last: round(stop, 3),
                "label": of.classes[stretch.best],
                "second": of.classes[stretch.second],
                "margin": round(stretch.margin, 4),
            }
        )
    with open_atomic(path) as file:
        writer = csv.DictWriter(file, ["file", first, last, "label", "second", "margin"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def _apart(means: np.ndarray, length: int, number: int) -> list[int]:
    """Where the windows of the smallest means start, at most so many, taken one by one so that none overlap."""
    means = means.copy()
    starts: list[int] = []
    while len(starts) < number:
        start = int(means.argmin())
        if not np.isfinite(means[start]):
            break
        starts.append(start)
        means[max(0, start - length + 1) : start + length] = np.inf
    return starts


def _distances(probabilities: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """How far each probability is from its threshold, as a share of how far it could be."""
    limits = np.asarray(thresholds, dtype=float)
    room = np.where(probabilities < limits, limits, 1 - limits)
    return np.abs(probabilities - limits) / np.maximum(room, 1e-9)
