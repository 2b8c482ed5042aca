"""Scores where a frame may have several labels at once, or none: a threshold for each, and how well it separates.

All shares are in percent. Entries that nobody labelled (-1) are left out, each on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvision.errors import UserError
from seqvision.metrics.classification import macro, percent

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class MultilabelScores:
    """What the probabilities of labels are worth, in percent.

    corpus: macro_f1 and mean_average_precision, over the labels that occur in the truth; micro_f1, over all entries at
        once; accuracy of entries, which says little where labels are rare.
    per_item: f1 over all entries of a sequence, NaN where nothing is there and nothing was found; accuracy.
    per_class: threshold (a probability), precision (NaN for a label never predicted), recall, f1 and average_precision
        (NaN for one that does not occur), and support, the frames that have it; in the order of `classes`.
    """

    corpus: dict[str, float]
    per_item: dict[str, list[float]]
    per_class: dict[str, list[float]]
    classes: tuple[str, ...]


def multilabel_scores(
    probabilities: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    *,
    classes: Sequence[str],
    thresholds: Sequence[float] | np.ndarray | None = None,
) -> MultilabelScores:
    """The scores of probabilities (time, labels) of each sequence against 1, 0, and -1 where nobody said.

    thresholds: of each label, from which probability on it is said to be there; those of `choose_thresholds` on
        validation data, never on the data scored here. None: .5 for each.
    Average precision is Σ (R_n − R_{n−1}) P_n over thresholds, without interpolation, as in scikit-learn. Raises
    `UserError` where the shapes do not go together.
    """
    p, y = _end_to_end(probabilities, truth)
    limits = np.full(len(classes), DEFAULT_THRESHOLD) if thresholds is None else np.asarray(thresholds, float)
    if not p.shape[1] == len(limits) == len(classes):
        raise UserError(
            f"{p.shape[1]} columns of probabilities for {len(classes)} labels with {len(limits)} thresholds; expected "
            "one of each for every label."
        )
    known, said = y >= 0, p >= limits
    hit, found, there = said & (y == 1), said & known, y == 1
    support = there.sum(axis=0)
    some = np.where(support > 0, support, np.nan)
    per_class = {
        "threshold": limits,
        "precision": percent(hit.sum(axis=0), found.sum(axis=0)),
        "recall": percent(hit.sum(axis=0), some),
        "f1": percent(2 * hit.sum(axis=0), found.sum(axis=0) + some),
        "average_precision": np.array([_average_precision(p[k, i], y[k, i]) for i, k in enumerate(known.T)]),
        "support": support,
    }
    of_frame = np.repeat(np.arange(len(truth)), [len(part) for part in truth])

    def by_item(entries: np.ndarray) -> np.ndarray:
        return np.bincount(of_frame, entries.sum(axis=1), minlength=len(truth))

    right = known & (said == there)
    items = {
        "f1": percent(2 * by_item(hit), by_item(found) + by_item(there)),
        "accuracy": percent(by_item(right), by_item(known)),
    }
    corpus = {
        "macro_f1": macro(per_class["f1"]),
        "mean_average_precision": macro(per_class["average_precision"]),
        "micro_f1": float(percent(2 * hit.sum(), found.sum() + there.sum())),
        "accuracy": float(percent(right.sum(), known.sum())),
    }
    return MultilabelScores(
        corpus,
        {name: values.tolist() for name, values in items.items()},
        {name: values.tolist() for name, values in per_class.items()},
        tuple(classes),
    )


def choose_thresholds(probabilities: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> np.ndarray:
    """For each label the threshold (labels,) with the greatest F1 on these (validation) sequences.

    It lies half-way between the least probability that is let in and the greatest that is not; of equals the highest;
    .5 for a label that does not occur. Shapes and errors as in `multilabel_scores`.
    """
    p, y = _end_to_end(probabilities, truth)
    return np.array([_best_threshold(p[known, i], y[known, i]) for i, known in enumerate((y >= 0).T)])


def _best_threshold(p: np.ndarray, y: np.ndarray) -> float:
    if not y.any():
        return DEFAULT_THRESHOLD
    order = np.argsort(-p, kind="stable")
    p, hits = p[order], np.cumsum(y[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + hits[-1])
    following = np.append(p[1:], 0.0)
    f1[:-1][p[1:] == p[:-1]] = -1.0  # no threshold divides equals
    best = int(f1.argmax())
    middle = (p[best] + following[best]) / 2
    return float(middle if middle > following[best] else p[best])


def _average_precision(p: np.ndarray, y: np.ndarray) -> float:
    if not y.any():
        return float("nan")
    # here, because the captions' scores do without scikit-learn's start-up time
    from sklearn.metrics import average_precision_score

    return 100 * float(average_precision_score(y, p))


def _end_to_end(probabilities: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All frames of all sequences, as two tables."""
    if len(probabilities) != len(truth):
        raise UserError(
            f"Probabilities for {len(probabilities)} sequences but labels of {len(truth)}; give both of each."
        )
    for place, (p, y) in enumerate(zip(probabilities, truth, strict=True)):
        if np.shape(p) != np.shape(y) or np.ndim(p) != 2:
            raise UserError(
                f"Sequence {place}: probabilities of shape {np.shape(p)} for labels of shape {np.shape(y)}; expected "
                "(frames, labels) in both."
            )
    if not any((np.asarray(part) >= 0).any() for part in truth):
        raise UserError("No frame has a label, so there is nothing to score; give at least one.")
    return np.concatenate([np.asarray(p, float) for p in probabilities]), np.concatenate([np.asarray(y) for y in truth])
