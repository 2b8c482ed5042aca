"""Labellers without a recurrent network, which one must beat: a frame classifier's scores, smoothed over time."""

from collections.abc import Collection, Sequence

import numpy as np

from seqvision.errors import UserError
from seqvision.metrics.frames import BACKGROUND, Protocol, frame_scores
from seqvision.names import Name


def moving_average(scores: np.ndarray, width: int) -> np.ndarray:
    """The mean of `scores` (time, classes) over `width` frames around each; the first and last are repeated beyond the
    ends. Raises `UserError` where the width is not odd: it would lean to one side.
    """
    values = np.asarray(scores, float)
    if width < 1 or width % 2 == 0:
        raise UserError(f"The width is {width}; expected an odd number of frames, such as {max(1, width + 1)}.")
    if not len(values):
        return values
    padding = [(width // 2, width // 2)] + [(0, 0)] * (values.ndim - 1)
    sums = np.cumsum(np.pad(values, padding, mode="edge"), axis=0)
    sums = np.concatenate([np.zeros_like(sums[:1]), sums])
    return (sums[width:] - sums[:-width]) / width


def mode_filter(labels: np.ndarray, width: int) -> np.ndarray:
    """The commonest of the labels (time,) in `width` frames around each; a frame's own where it is one of several.

    The median filter for classes, which have no order. Edges and errors as in `moving_average`.
    """
    own = np.asarray(labels)
    if not len(own):
        return own
    marks = np.eye(int(own.max()) + 1)[own]
    return (moving_average(marks, width) + marks / (2 * width)).argmax(axis=1)


def tune_moving_average(
    scores: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    *,
    classes: Sequence[str],
    widths: Sequence[int] = tuple(range(1, 102, 2)),
    by: Collection[str] = ("accuracy", "f1@25"),
    background: Collection[Name] = (BACKGROUND,),
    protocol: Protocol = "mstcn",
) -> int:
    """The width of the moving average whose argmax scores best on these (training) videos, of equals the least.

    scores: a frame classifier's, (time, classes) for each video. labels: (time,), -1 where nobody said.
    by: the entries of `FrameScores.corpus` whose mean decides. Accuracy alone hardly minds a prediction in pieces, and
        segments alone let frames go; the default weighs both.

    On 50 Salads the default finds the 11 frames of the known scores in every split. On GTEA, with its short actions, it
    finds 7 and 3, a stronger control than the 11 that steps of ten frames lead to.
    """
    best, chosen = -np.inf, 1
    for width in widths:
        predictions = [moving_average(part, width).argmax(axis=1) for part in scores]
        found = frame_scores(predictions, labels, classes=classes, background=background, protocol=protocol)
        value = float(np.mean([found.corpus[name] for name in by]))
        if value > best:
            best, chosen = value, width
    return chosen
