"""Logistic regressions that a recurrent network must beat: on words and word pairs, and on frames without their order.

They need scikit-learn. How strongly they are regularised is chosen on the validation examples, never on a test.
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seqvision.errors import UserError

WORD_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
FRAME_STRENGTHS = (0.001, 0.01, 0.1, 1.0)


class _Chosen:
    """A logistic regression on rows of numbers; of several strengths the best on the validation rows, of equals the
    more regularised one.
    """

    classes: list[str]
    strength: float  # scikit-learn's C: the inverse of the regularisation
    accuracies: dict[float, float]  # on the validation examples, by strength

    def __init__(self, strengths: Sequence[float], *, max_iterations: int):
        if not strengths:
            raise UserError("logistic regression: no strengths to choose from; give one at least")
        self.strengths = sorted(strengths)
        self.max_iterations = max_iterations
        self._model: Any = None

    def _choose(self, rows: Any, labels: Sequence[str], val_rows: Any, val_labels: Sequence[str]) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        self.accuracies = {}
        for strength in self.strengths:
            model = LogisticRegression(C=strength, max_iter=self.max_iterations)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early is another way to regularise
                model.fit(rows, labels)
            self.accuracies[strength] = float(np.mean(model.predict(val_rows) == np.asarray(val_labels)))
            if self._model is None or self.accuracies[strength] > self.accuracies[self.strength]:
                self._model, self.strength = model, strength
        self.classes = [str(name) for name in self._model.classes_]

    def _fitted(self) -> Any:
        if self._model is None:
            raise RuntimeError("this logistic regression has learnt nothing yet: call fit first")
        return self._model


class WordLogisticRegression(_Chosen):
    """Sentences to classes by the words and word pairs in them, whatever their order otherwise.

    pairs      whether neighbouring words count as well
    weighting  "tfidf": rare words count for more, repeated ones hardly; "counts"; "presence": 1 where it is
    min_count  training sentences that a word or pair must be in

    Words are runs of letters and digits, or single other marks, without regard to capitals. Needs scikit-learn.
    """

    def __init__(
        self,
        *,
        pairs: bool = True,
        weighting: str = "tfidf",
        min_count: int = 1,
        strengths: Sequence[float] = WORD_STRENGTHS,
        max_iterations: int = 1000,
    ):
        super().__init__(strengths, max_iterations=max_iterations)
        if weighting not in ("presence", "counts", "tfidf"):
            raise UserError(f"weighting is '{weighting}', expected presence, counts or tfidf")
        _need_sklearn()
        from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

        settings: dict[str, Any] = {
            "token_pattern": r"(?u)\w+|[^\w\s]",
            "ngram_range": (1, 2 if pairs else 1),
            "min_df": min_count,
        }
        if weighting == "tfidf":
            self._words: Any = TfidfVectorizer(sublinear_tf=True, **settings)
        else:
            self._words = CountVectorizer(binary=weighting == "presence", **settings)

    def fit(
        self, texts: Iterable[str], labels: Sequence[str], val_texts: Iterable[str], val_labels: Sequence[str]
    ) -> "WordLogisticRegression":
        """This, with words and weights of the training sentences; the strength that suits the validation sentences."""
        _check_some(labels, val_labels)
        rows = self._words.fit_transform(texts)
        self._choose(rows, labels, self._words.transform(val_texts), val_labels)
        return self

    def predict(self, texts: Iterable[str]) -> list[str]:
        """The class of each sentence."""
        return [str(name) for name in self._fitted().predict(self._words.transform(texts))]

    def probabilities(self, texts: Iterable[str]) -> np.ndarray:
        """(sentences, classes), in the order of `classes`."""
        return self._fitted().predict_proba(self._words.transform(texts))


class FrameLogisticRegression(_Chosen):
    """Sequences of numbers (time, features) to classes without a recurrence.

    summary  "flat": all frames side by side, for sequences of one length such as pictures; "statistics": mean,
             deviation, least and greatest of each feature over time, for any lengths

    Each number is taken relative to its mean and deviation in training. Needs scikit-learn.
    """

    def __init__(
        self, summary: str = "statistics", *, strengths: Sequence[float] = FRAME_STRENGTHS, max_iterations: int = 200
    ):
        super().__init__(strengths, max_iterations=max_iterations)
        if summary not in ("flat", "statistics"):
            raise UserError(f"summary is '{summary}', expected flat or statistics")
        _need_sklearn()
        self.summary = summary

    def fit(
        self,
        frames: Iterable[np.ndarray],
        labels: Sequence[str],
        val_frames: Iterable[np.ndarray],
        val_labels: Sequence[str],
    ) -> "FrameLogisticRegression":
        """This, with weights of the training sequences; the strength that suits the validation sequences."""
        _check_some(labels, val_labels)
        rows = self._rows(frames)
        self._mean, deviation = rows.mean(0), rows.std(0)
        self._deviation = np.where(deviation > 1e-6, deviation, 1)  # what never varies is not made large
        self._choose(self._scaled(rows), labels, self._scaled(self._rows(val_frames)), val_labels)
        return self

    def predict(self, frames: Iterable[np.ndarray]) -> list[str]:
        """The class of each sequence."""
        model = self._fitted()
        return [str(name) for name in model.predict(self._scaled(self._rows(frames)))]

    def probabilities(self, frames: Iterable[np.ndarray]) -> np.ndarray:
        """(sequences, classes), in the order of `classes`."""
        return self._fitted().predict_proba(self._scaled(self._rows(frames)))

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return (rows - self._mean) / self._deviation

    def _rows(self, frames: Iterable[np.ndarray]) -> np.ndarray:
        rows = [self._row(np.asarray(each, dtype=np.float32)) for each in frames]
        lengths = sorted({len(row) for row in rows})
        if len(lengths) > 1:
            raise UserError(
                f"sequences of {lengths[0]} to {lengths[-1]} numbers cannot lie side by side; expected equally many. "
                "Take summary='statistics'."
            )
        return np.stack(rows)

    def _row(self, frames: np.ndarray) -> np.ndarray:
        if self.summary == "flat":
            return frames.reshape(-1)
        return np.concatenate([frames.mean(0), frames.std(0), frames.min(0), frames.max(0)])


def _check_some(labels: Sequence[str], val_labels: Sequence[str]) -> None:
    if not len(labels) or not len(val_labels):
        raise UserError(
            f"logistic regression: {len(labels)} training and {len(val_labels)} validation examples; "
            "expected some of both, because the regularisation is chosen on the latter"
        )


def _need_sklearn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise UserError(
            "logistic regression needs scikit-learn, which is not installed. Install it with: pip install scikit-learn"
        ) from error
