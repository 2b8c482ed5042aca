"""What follows what among the labels of recordings."""

from collections.abc import Sequence

import numpy as np


def count_followers(labels: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """How often a segment of each class follows one of each other, (classes + 1, classes); in the last row what
    recordings begin with. labels: (time,), −1 where nobody said: what follows such a gap follows nothing.
    """
    counts = np.zeros((classes + 1, classes))
    for each in labels:
        if not len(each):
            continue
        known = each >= 0
        if known[0]:
            counts[-1, each[0]] += 1
        changes = (each[1:] != each[:-1]) & known[1:] & known[:-1]
        np.add.at(counts, (each[:-1][changes], each[1:][changes]), 1)
    return counts
