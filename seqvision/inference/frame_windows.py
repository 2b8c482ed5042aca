"""Logistic regression on a window of frames around each: what can be said of a frame without a memory."""

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from seqvision.data.progress import tracked
from seqvision.errors import UserError
from seqvision.metrics import choose_thresholds, frame_scores, moving_average, multilabel_scores
from seqvision.metrics.frames import SELECTED_BY, Protocol
from seqvision.names import Name

WIDTHS = (1, 9, 25, 65)
STRENGTHS = (0.001, 0.1)
PARTS = 9  # of a window: a wide one is looked at in so many means
MOST = 20_000  # training frames


@dataclass(frozen=True)
class Windowed:
    """Probabilities (time, classes) of the asked and of the validation recordings, and how they came about."""

    probabilities: list[np.ndarray]
    val_probabilities: list[np.ndarray]
    note: str


def window_probabilities(
    frames: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    val_frames: Sequence[np.ndarray],
    val_labels: Sequence[np.ndarray],
    asked: Sequence[np.ndarray],
    *,
    classes: Sequence[str],
    protocol: Protocol = "mstcn",
    background: Collection[Name] = (),
    widths: Sequence[int] = WIDTHS,
    strengths: Sequence[float] = STRENGTHS,
) -> Windowed:
    """What logistic regression on the frames of a window around each says, fitted to the training recordings.

    frames (time, numbers) and labels of recordings, -1 where nobody said. Width and strength are those that are best on
    the validation recordings by what networks are chosen by: the mean of accuracy, edit and F1@25, or with several
    labels a frame macro F1 at the best thresholds. At most `MOST` training frames, evenly spaced, are learnt from.
    Raises `UserError` without validation recordings.
    """
    if find_spec("sklearn") is None:
        raise UserError("it needs scikit-learn. Install it with: pip install scikit-learn")
    if not val_frames:
        raise UserError("no validation recordings, on which its width is chosen")
    several = labels[0].ndim == 2
    best, chosen = -np.inf, None
    trials = [(width, strength) for width in widths for strength in strengths]
    for width, strength in tracked(trials, total=len(trials), description="Control with a window of frames"):
        model = _Windowed(width, strength, len(classes)).fit(frames, labels)
        on_val = [model(part) for part in val_frames]
        if several:
            thresholds = choose_thresholds(on_val, val_labels)
            value = multilabel_scores(on_val, val_labels, classes=classes, thresholds=thresholds).corpus["macro_f1"]
        else:
            said = [part.argmax(axis=1) for part in on_val]
            scores = frame_scores(said, val_labels, classes=classes, protocol=protocol, background=background).corpus
            value = float(np.nanmean([scores[name] for name in SELECTED_BY]))
        if value > best:
            best, chosen = value, (model, on_val)
    assert chosen is not None
    model, on_val = chosen
    note = (
        f"window: logistic regression on {model.width} frames around each"
        f"{f' in {PARTS} means' if model.width > PARTS else ''}, C = {model.strength:g}, both chosen on val"
    )
    if model.learnt_of < model.of:
        note += f"; learnt of {model.learnt_of:,} of {model.of:,} training frames"
    return Windowed([model(part) for part in asked], on_val, note)


class _Windowed:
    """One logistic regression; with several labels a frame, one for each label."""

    def __init__(self, width: int, strength: float, classes: int):
        self.width, self.strength, self.classes = width, strength, classes

    def fit(self, frames: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> "_Windowed":
        truth = np.concatenate(list(labels))
        known = np.flatnonzero((truth >= 0).reshape(len(truth), -1).all(axis=1))
        if not len(known):
            raise UserError("no training frame is labelled in full")
        self.of = len(known)
        learnt = known[:: -(-len(known) // MOST)]
        self.learnt_of = len(learnt)
        borders = np.cumsum([0, *map(len, frames)])
        rows = np.concatenate(
            [
                self._windows(part, learnt[(learnt >= start) & (learnt < stop)] - start)
                for part, start, stop in zip(frames, borders, borders[1:], strict=False)
            ]
        )
        self.mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        self.deviation = np.where(deviation > 1e-6, deviation, 1)
        rows = (rows - self.mean) / self.deviation
        columns = truth[learnt].T if truth.ndim == 2 else [truth[learnt]]
        self.models = [self._one(rows, column) for column in columns]
        self.several = truth.ndim == 2
        return self

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        rows = (self._windows(frames, np.arange(len(frames))) - self.mean) / self.deviation
        found = np.zeros((len(rows), self.classes))
        for column, model in enumerate(self.models):
            if isinstance(model, int):
                p, places = np.ones((len(rows), 1)), [model]
            else:
                p, places = model.predict_proba(rows), model.classes_.tolist()
            if self.several:
                found[:, column] = p[:, places.index(1)] if 1 in places else 0
            else:
                found[:, places] = p
        return found

    def _one(self, rows: np.ndarray, truth: np.ndarray):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        if len(np.unique(truth)) == 1:
            return int(truth[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early is another way to regularise
            return LogisticRegression(C=self.strength, max_iter=100).fit(rows, truth)

    def _windows(self, frames: np.ndarray, centres: np.ndarray) -> np.ndarray:
        """(centres, numbers): the windows around these frames, the first and last frame repeated beyond the ends."""
        half = self.width // 2
        parts = min(self.width, PARTS)
        size = max(1, self.width // parts) | 1  # odd, so that a mean has a middle
        means = moving_average(frames, size)
        offsets = np.linspace(-(half - size // 2), half - size // 2, parts).round().astype(int)
        places = np.clip(centres[:, None] + offsets, 0, len(frames) - 1)
        return means[places].reshape(len(centres), -1).astype(np.float32)
