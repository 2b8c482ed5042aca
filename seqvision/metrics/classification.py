"""Scores of classes: how often they are right, class by class, and whether the probabilities mean what they say.

All shares are in percent. Items whose class nobody knows (-1) are left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from seqvision.errors import UserError


@dataclass(frozen=True)
class ClassificationScores:
    """What a classifier's probabilities are worth, in percent.

    corpus: accuracy; top_k for each k asked for; macro_f1, the mean F1 of the classes that occur in the truth (a class
        that does not has no recall, and its false alarms already cost the classes they were taken from);
        calibration_error (Guo et al., 2017); cross_entropy, in nats.
    per_item: correct (100 or 0) and confidence, NaN where the class is unknown.
    per_class: precision (NaN for a class never predicted), recall and f1 (NaN for one that does not occur), and
        support, the number of its items; in the order of `classes`.
    confusion: items of each true class (row) by predicted class (column).
    """

    corpus: dict[str, float]
    per_item: dict[str, list[float]]
    per_class: dict[str, list[float]]
    confusion: np.ndarray
    classes: tuple[str, ...]


def classification_scores(
    probabilities: np.ndarray, truth: Sequence[int] | np.ndarray, *, classes: Sequence[str], top: Sequence[int] = (5,)
) -> ClassificationScores:
    """The scores of `probabilities` (items, classes) against the true classes (items,), -1 where nobody knows.

    top: the k of top-k accuracy; those that are not below the number of classes are left out. Of equally probable
    classes the first counts as the higher. Raises `UserError` where the shapes do not go together or no class is known.
    """
    given, wanted = np.asarray(probabilities, float), np.asarray(truth)
    if given.ndim != 2 or given.shape != (len(wanted), len(classes)):
        raise UserError(
            f"Probabilities of shape {given.shape} for {len(wanted)} items and {len(classes)} classes; expected a row "
            "for each item and a column for each class."
        )
    known = wanted >= 0
    _check_classes(wanted, len(classes))
    p, y = given[known], wanted[known]
    predicted, confidence = p.argmax(axis=1), p.max(axis=1)
    mine = p[np.arange(len(y)), y]
    # its rank: those above it, and its equals that come first
    above = (p > mine[:, None]) | ((p == mine[:, None]) & (np.arange(len(classes)) < y[:, None]))
    rank = above.sum(axis=1)
    table = confusion_matrix(predicted, y, len(classes))
    per_class = scores_per_class(table)
    corpus = {"accuracy": 100 * float((predicted == y).mean())}
    corpus |= {f"top_{k}": 100 * float((rank < k).mean()) for k in top if k < len(classes)}
    corpus["macro_f1"] = macro(per_class["f1"])
    corpus["calibration_error"] = reliability(confidence, predicted == y).error
    corpus["cross_entropy"] = float(-np.log(mine.clip(min=np.finfo(np.float32).tiny)).mean())
    items = {"correct": np.full(len(wanted), np.nan), "confidence": np.full(len(wanted), np.nan)}
    items["correct"][known], items["confidence"][known] = 100.0 * (predicted == y), 100 * confidence
    return ClassificationScores(
        corpus,
        {name: values.tolist() for name, values in items.items()},
        {name: values.tolist() for name, values in per_class.items()},
        table,
        tuple(classes),
    )


def confusion_matrix(predicted: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Items of each true class (row) by predicted class (column); those without a true class (-1) are left out."""
    known = np.asarray(truth) >= 0
    places = np.asarray(truth)[known] * classes + np.asarray(predicted)[known]
    return np.bincount(places, minlength=classes**2).reshape(classes, classes)


def scores_per_class(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 in percent and support, from a confusion matrix; NaN as in `ClassificationScores`."""
    right, true, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return {
        "precision": percent(right, predicted),
        "recall": percent(right, true),
        "f1": np.where(true > 0, percent(2 * right, true + predicted), np.nan),
        "support": true,
    }


def percent(part: np.ndarray | np.integer, whole: np.ndarray | np.integer) -> np.ndarray:
    """100 part / whole, entry by entry; NaN where the whole is nothing."""
    return np.asarray(100 * part / np.where(whole > 0, whole, np.nan))


def macro(values: np.ndarray) -> float:
    """The mean of those that are numbers, NaN where none is."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if len(numbers) else float("nan")


@dataclass(frozen=True)
class Confusion:
    """One way of being wrong: how many items of a class were taken for another, in percent of the class as well."""

    truth: str
    predicted: str
    count: int
    share: float


def commonest_confusions(confusion: np.ndarray, classes: Sequence[str], *, most: int = 10) -> list[Confusion]:
    """The pairs of different classes that were confused most often, the commonest first."""
    wrong = confusion * ~np.eye(len(classes), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(int(place) // len(classes), int(place) % len(classes)) for place in order]
    return [
        Confusion(classes[t], classes[p], int(wrong[t, p]), 100 * float(wrong[t, p] / confusion[t].sum()))
        for t, p in pairs
        if wrong[t, p]
    ]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predictions sorted into bins of equal width by their confidence: the data of a reliability diagram.

    edges (bins + 1,) from 0 to 1; confidence and accuracy (bins,): the means of each bin, shares from 0 to 1, NaN where
    it is empty; count (bins,).
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error in percent: the mean gap of confidence and accuracy, bins weighed by count."""
        filled = self.count > 0
        gaps = np.abs(self.confidence - self.accuracy)[filled]
        return 100 * float((gaps * self.count[filled]).sum() / self.count.sum())


def reliability(confidence: np.ndarray, correct: np.ndarray, *, bins: int = 15) -> Reliability:
    """Confidences (items,) from 0 to 1 and whether each was right, by bins (Guo et al., 2017, equations 2, 3 and 5).

    A bin holds its upper end, not its lower one, but the first has 0. Raises `UserError` where there is no item.
    """
    confidence, correct = np.asarray(confidence, float), np.asarray(correct, float)
    if not len(confidence):
        raise UserError("No item with a known class, so there is nothing to score; give at least one.")
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], confidence, side="left")
    count = np.bincount(bin_of, minlength=bins)
    some = np.where(count > 0, count, np.nan)
    means = [np.bincount(bin_of, values, minlength=bins) / some for values in (confidence, correct)]
    return Reliability(edges, means[0], means[1], count)


def majority_class(classes: np.ndarray | Sequence[int] | Iterable[np.ndarray]) -> int:
    """The control: the class that is commonest in the training set, of equals the first.

    classes: of items (items,), or of the frames of each sequence; -1 is left out. Raises `UserError` where none is
    known.
    """
    pooled = np.concatenate([np.atleast_1d(part) for part in classes] or [np.empty(0, int)])
    pooled = pooled[pooled >= 0]
    if not len(pooled):
        raise UserError("No training item has a class, so none is the commonest; give at least one.")
    return int(np.bincount(pooled).argmax())


def _check_classes(truth: np.ndarray, classes: int) -> None:
    if not (truth >= 0).any():
        raise UserError("No item with a known class, so there is nothing to score; give at least one.")
    if truth.max() >= classes:
        raise UserError(f"An item has class {truth.max()}, but there are {classes} classes, numbered from 0.")
