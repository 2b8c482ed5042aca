"""Labellers of frames that a recurrent one must beat: the commonest label, smoothed scores, a window of frames."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import softmax

from seqvision.data.sequences.followers import count_followers
from seqvision.data.sequences.records import SequenceRecord
from seqvision.decoding import TunedLabelPath
from seqvision.errors import UserError
from seqvision.inference.frame_windows import window_probabilities
from seqvision.inference.sequence_controls import frames_of
from seqvision.inference.sequences import LoadedLabeller
from seqvision.metrics import choose_thresholds, frame_scores, moving_average, tune_moving_average
from seqvision.metrics.frames import Protocol
from seqvision.names import Name
from seqvision.wording import counted


@dataclass
class FrameControls:
    """The controls' probabilities (time, classes) of each record by name, the thresholds of those that have several
    labels a frame, and what is to be said of them.
    """

    probabilities: dict[str, list[np.ndarray]] = field(default_factory=dict)
    thresholds: dict[str, Sequence[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def frame_controls(
    labeller: LoadedLabeller,
    training: Mapping[str, Sequence[SequenceRecord]],
    records: Sequence[SequenceRecord],
    *,
    split: str,
    protocol: Protocol,
    background: Collection[Name],
) -> FrameControls:
    """Controls that learn of the splits "train" and "val" in `training`; nothing is learnt of the records.

    "majority": the training frames' shares of the labels, for every frame. Where the features are a classifier's scores
    (as many as classes, and their argmax is right more often than the commonest label), "argmax", "moving_average", its
    width tuned on all training recordings, those of val too (`tune_moving_average`), and "score_path", the likeliest
    path through the scores' softmax, its costs tuned on the same recordings (`TunedLabelPath`). Else "window": logistic
    regression on a window of frames around each, its width and strength chosen on val.
    """
    made = FrameControls()
    train, val = (_labelled(training.get(name, ())) for name in ("train", "val"))
    if not train:
        made.notes.append("no training recordings: the controls are left out")
        return made
    labels = [np.asarray(record.labels) for record in train]
    rates = _rates(labels, len(labeller.classes))
    made.probabilities["majority"] = [np.tile(rates, (len(np.asarray(record.labels)), 1)) for record in records]
    if labeller.thresholds is not None:
        made.thresholds["majority"] = [0.0] * len(rates)  # every label always: the best F1 that is had without looking
    try:
        frames, val_frames, asked = (frames_of(labeller.reader, some) for some in (train, val, records))
        if labeller.thresholds is None and _are_scores(frames, labels, rates):
            tuning = train + (val if split != "val" else [])
            scores = frames + (val_frames if split != "val" else [])
            truth = [np.asarray(record.labels) for record in tuning]
            how: dict[str, Any] = {"classes": labeller.classes, "protocol": protocol, "background": background}
            width = tune_moving_average(scores, truth, **how)
            made.probabilities["argmax"] = asked
            made.probabilities["moving_average"] = [moving_average(part, width) for part in asked]
            made.probabilities["score_path"] = _along_paths(scores, truth, asked, **how)
            made.notes.append(
                f"argmax: of the features, which are scores of the classes; moving average: of these over {width} "
                f"frames, the width tuned on {counted(len(tuning), 'training recording')} by accuracy and F1@25; path: "
                "the likeliest through them, tuned on the same recordings by accuracy, edit and F1@25"
            )
        else:
            found = window_probabilities(
                frames,
                labels,
                val_frames,
                [np.asarray(record.labels) for record in val],
                asked,
                classes=labeller.classes,
                protocol=protocol,
                background=background,
            )
            made.probabilities["window"] = found.probabilities
            if labeller.thresholds is not None:
                truth = [np.asarray(record.labels) for record in val]
                made.thresholds["window"] = choose_thresholds(found.val_probabilities, truth).tolist()
            made.notes.append(found.note)
    except UserError as error:
        made.notes.append(f"the control with a window of frames is left out: {error}")
    return made


def _along_paths(
    scores: Sequence[np.ndarray], truth: Sequence[np.ndarray], asked: Sequence[np.ndarray], **how: Any
) -> list[np.ndarray]:
    """1 for the labels of the likeliest path through what is asked, tuned on recordings with their truth."""

    def score(labels: list[np.ndarray]) -> float:
        return frame_scores(labels, truth, **how).deciding

    classes = asked[0].shape[1]
    path = TunedLabelPath()([softmax(part, axis=1) for part in scores], count_followers(truth, classes), score)
    return [np.eye(classes)[labels] for labels in path.paths([softmax(part, axis=1) for part in asked])]


def _labelled(records: Sequence[SequenceRecord]) -> list[SequenceRecord]:
    return [record for record in records if record.labels is not None and (record.labels >= 0).any()]


def _rates(labels: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """Each label's share of the labelled frames."""
    whole = np.concatenate(list(labels))
    if whole.ndim == 2:
        return np.asarray((whole == 1).sum(axis=0) / np.maximum(1, (whole >= 0).sum(axis=0)))
    return np.bincount(whole[whole >= 0], minlength=classes) / (whole >= 0).sum()


def _are_scores(frames: Sequence[np.ndarray], labels: Sequence[np.ndarray], rates: np.ndarray) -> bool:
    if frames[0].shape[1] != len(rates):
        return False
    predicted, truth = np.concatenate([part.argmax(axis=1) for part in frames]), np.concatenate(list(labels))
    return bool((predicted == truth)[truth >= 0].mean() > rates.max())
