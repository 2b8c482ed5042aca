"""What looks are worth: right answers by how many there were, and by how sure one must be to stop."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from seqvision.metrics.segments import edit_distance

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.1)


def read_rightly(
    answers: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]
) -> tuple[Bool[np.ndarray, " items"], Int[np.ndarray, " items"], Int[np.ndarray, " items"]]:
    """Of each item: whether all of its symbols are right, how many are, and out of how many; end marks do not count.

    Out of as many as the longer of answer and truth has, those are right that need not be replaced, inserted or deleted
    (edit distance of Levenshtein, 1966): the score `symbols`, 100 Σ right / Σ out of how many, is the same for a string
    and its truth read from either end, so that forward and backward readers can be compared. Compared place by place
    from the left, one symbol too many at the left would make all that follow wrong.
    """
    pairs = list(zip(answers, truth, strict=True))
    longer = np.array([max(len(found), len(names)) for found, names in pairs])
    wrong = np.array([edit_distance(list(found), list(names)) for found, names in pairs])
    return np.array([list(found) == list(names) for found, names in pairs]), longer - wrong, longer


def stopping_table(confidence: np.ndarray, right: np.ndarray) -> list[tuple[float, float, float]]:
    """(threshold, accuracy in percent, mean number of looks) of a reader that stops as soon as it is that sure.

    confidence: the probability of the likeliest class after each look, (pictures, looks); right: whether that is the
    true one. The last threshold is never reached: all looks are taken.
    """
    looks = confidence.shape[1]
    found = []
    for threshold in THRESHOLDS:
        sure = confidence >= threshold
        stop = np.where(sure.any(axis=1), sure.argmax(axis=1), looks - 1)
        accuracy = 100 * float(right[np.arange(len(right)), stop].mean())
        found.append((threshold, accuracy, float((stop + 1).mean())))
    return found
