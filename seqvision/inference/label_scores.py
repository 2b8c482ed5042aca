"""What labels are worth beside the truth, in numbers and in a line."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqvision.inference.label_outputs import Labelled
from seqvision.inference.sequences import LoadedLabeller
from seqvision.metrics import frame_scores, multilabel_scores
from seqvision.metrics.frames import Protocol


class LabelScores(NamedTuple):
    """Scores in percent by name, how they were counted, and the same for people."""

    values: dict[str, float | None]
    protocol: str
    text: str


def label_scores(labelled: Sequence[Labelled], truth: Sequence[np.ndarray], labeller: LoadedLabeller) -> LabelScores:
    """The scores under the protocol that the labeller was validated by; of thresholds, those in the checkpoint."""
    if not any((labels >= 0).any() for labels in truth):
        return LabelScores({}, "", "no labelled frame in the truth")
    if labeller.thresholds is not None:
        corpus = multilabel_scores(
            [each.probabilities for each in labelled],
            truth,
            classes=labeller.classes,
            thresholds=labeller.thresholds,
        ).corpus
        return LabelScores(
            _plain(corpus),
            "several labels a frame, at the thresholds of validation",
            f"macro F1 {_said(corpus['macro_f1'])}, average precision {_said(corpus['mean_average_precision'])}",
        )
    scores = frame_scores(
        [each.labels for each in labelled],
        truth,
        classes=labeller.classes,
        background=tuple(labeller.trained_with("task", "background", Sequence[str], ())),
        protocol=labeller.trained_with("task", "protocol", Protocol, "mstcn"),
    )
    overlaps = " ".join(_said(scores.corpus[f"f1@{overlap}"]) for overlap in (10, 25, 50))
    said = f"accuracy {_said(scores.corpus['accuracy'])}, edit {_said(scores.corpus['edit'])}, F1@10/25/50 {overlaps}"
    return LabelScores(_plain(scores.corpus), scores.protocol, said)


def _plain(scores: dict[str, float]) -> dict[str, float | None]:
    """JSON knows no NaN."""
    return {name: None if np.isnan(value) else round(float(value), 4) for name, value in scores.items()}


def _said(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.1f}"
