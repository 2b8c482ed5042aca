"""Scores of any choice of items, a thousand times over: what they are sums of is counted once for each item.

Each gives, for the places of some items, the numbers that `seqvision.metrics` gives for these items.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np

from seqvision.metrics import frame_scores, reliability, segment_statistics
from seqvision.metrics.classification import confusion_matrix, macro, percent, scores_per_class
from seqvision.metrics.frames import OVERLAPS, Protocol
from seqvision.names import Name


class ClassTally:
    """`classification_scores` of items: probabilities (items, classes), truth (items,) with every class known."""

    def __init__(self, probabilities: np.ndarray, truth: np.ndarray, classes: Sequence[str], *, top: Sequence[int]):
        self.classes, self.truth = len(classes), truth
        self.predicted, self.confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        self.right = self.predicted == truth
        mine = np.asarray(probabilities, float)[np.arange(len(truth)), truth]
        self.loss = -np.log(mine.clip(min=np.finfo(np.float32).tiny))
        above = probabilities > mine[:, None]
        above |= (probabilities == mine[:, None]) & (np.arange(self.classes) < truth[:, None])
        rank = above.sum(axis=1)
        self.in_top = {f"top_{k}": rank < k for k in top if k < self.classes}

    def __call__(self, places: np.ndarray) -> dict[str, float]:
        right = self.right[places]
        per_class = scores_per_class(confusion_matrix(self.predicted[places], self.truth[places], self.classes))
        return {
            "accuracy": 100 * float(right.mean()),
            **{name: 100 * float(inside[places].mean()) for name, inside in self.in_top.items()},
            "macro_f1": macro(per_class["f1"]),
            "calibration_error": reliability(self.confidence[places], right).error,
            "cross_entropy": float(self.loss[places].mean()),
        }


class FrameTally:
    """`frame_scores` of recordings: labels (time,) predicted and true, each recording with a labelled frame."""

    def __init__(
        self,
        predictions: Sequence[np.ndarray],
        truth: Sequence[np.ndarray],
        classes: Sequence[str],
        *,
        background: Collection[Name],
        protocol: Protocol,
    ):
        found, counts = [], []
        for p, y in zip(predictions, truth, strict=True):
            found.append(frame_scores([p], [y], classes=classes, background=background))
            counts.append(segment_statistics([p], [y], classes=classes, background=background)[0].count)
        self.pooled = protocol == "mstcn"
        self.counted = np.array([name not in background for name in classes])
        self.confusion = np.stack([each.confusion for each in found])
        self.segments = np.array(counts).sum(axis=1)
        self.items = {name: np.array([each.per_item[name][0] for each in found]) for name in found[0].per_item}

    def __call__(self, places: np.ndarray) -> dict[str, float]:
        times = np.bincount(places, minlength=len(self.segments))
        confusion = np.tensordot(times, self.confusion, axes=1)
        per_item = {name: values[places] for name, values in self.items.items()}
        scores = {
            "accuracy": 100 * confusion.trace() / confusion.sum() if self.pooled else macro(per_item["accuracy"]),
            "macro_f1": macro(scores_per_class(confusion)["f1"][self.counted]),
            "edit": macro(per_item["edit"]),
        }
        sizes = self.segments[places]
        for overlap in OVERLAPS:
            name = f"f1@{100 * overlap:g}"
            found = np.nansum(per_item[name] * sizes)  # twice the hits, in percent
            scores[name] = found / sizes.sum() if self.pooled and sizes.sum() else macro(per_item[name])
        return {name: float(value) for name, value in scores.items()}


class LabelTally:
    """`multilabel_scores` of recordings but for average precision, which is no matter of sums: 0 and 1 (time, labels)
    predicted and true.
    """

    def __init__(self, predictions: Sequence[np.ndarray], truth: Sequence[np.ndarray]):
        said, y = np.concatenate(list(predictions)) == 1, np.concatenate(list(truth))
        borders = np.cumsum([0, *map(len, truth)])
        columns = {"hit": said & (y == 1), "found": said & (y >= 0), "there": y == 1, "known": y >= 0}
        columns["right"] = columns["known"] & (said == columns["there"])
        self.sums = {
            name: np.stack([values[a:b].sum(axis=0) for a, b in pairwise(borders)]) for name, values in columns.items()
        }

    def __call__(self, places: np.ndarray) -> dict[str, float]:
        sums = {name: values[places].sum(axis=0) for name, values in self.sums.items()}
        both = sums["found"] + sums["there"]
        return {
            "macro_f1": macro(np.where(sums["there"] > 0, percent(2 * sums["hit"], both), np.nan)),
            "micro_f1": float(percent(2 * sums["hit"].sum(), both.sum())),
            "accuracy": float(percent(sums["right"].sum(), sums["known"].sum())),
        }
