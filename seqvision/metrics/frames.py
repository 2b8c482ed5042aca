"""Scores of one label for each frame: frame by frame, and as segments under the protocols of the field.

All scores are in percent. Frames that nobody labelled (-1) are taken out before anything is counted, as if they had
never been filmed: what is predicted there changes nothing, and a segment that goes on with the same label on the other
side of them is one segment, in truth and prediction alike.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqvision.errors import UserError
from seqvision.metrics.classification import confusion_matrix, macro, percent, scores_per_class
from seqvision.metrics.segments import (
    Segments,
    SegmentStatistics,
    edit_distance,
    match,
    segments,
    statistics_of,
)
from seqvision.names import Name, all_meant

Protocol = Literal["mstcn", "lea"]
OVERLAPS = (0.1, 0.25, 0.5)
# whose mean says which epoch is best: frames alone hardly mind a prediction in pieces, segments alone let frames go
SELECTED_BY = ("accuracy", "edit", "f1@25")
BACKGROUND = "background"


@dataclass(frozen=True)
class FrameScores:
    """What the labels of a set of videos are worth, in percent.

    corpus: accuracy of frames, macro_f1 over frames, edit, f1@10, f1@25, f1@50.
    per_item: accuracy, edit and f1@… of each video; NaN for a video without a labelled frame, and where neither truth
        nor prediction has a segment that counts. Such a video has no share in a mean over videos.
    per_class: precision, recall, f1 and support of frames; segments, the number of true ones; and f1@… of segments,
        pooled over videos under either protocol; in the order of `classes`. NaN as in `ClassificationScores`.
    confusion: frames of each true class (row) by predicted class (column).
    protocol: what was counted how, in words that belong beside the numbers.
    """

    corpus: dict[str, float]
    per_item: dict[str, list[float]]
    per_class: dict[str, list[float]]
    confusion: np.ndarray
    classes: tuple[str, ...]
    protocol: str

    @property
    def deciding(self) -> float:
        """What epochs and paths of labels are chosen by: the mean of `SELECTED_BY`."""
        return float(np.mean([self.corpus[name] for name in SELECTED_BY]))


def frame_scores(
    predictions: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    *,
    classes: Sequence[str],
    background: Collection[Name] = (BACKGROUND,),
    protocol: Protocol = "mstcn",
    overlaps: Sequence[float] = OVERLAPS,
) -> FrameScores:
    """The scores of predicted labels, an array (time,) for each video, against true ones, -1 where nobody said.

    protocol, as in the programs that the numbers of papers come from:
        "mstcn" (Farha and Gall, 2019): accuracy pooled over all frames; F1@k from true and false positives and false
            negatives added up over videos; edit averaged over videos. (Early versions of that program left out the last
            frame of each video when they measured overlap; this is the later one.)
        "lea" (Lea et al., 2017): accuracy, F1@k and edit of each video, averaged over videos.
    background: classes whose segments are left out of edit and F1@k, and which have no part in macro_f1; accuracy
        counts their frames under both protocols. Give () to count every class. Leaving out a segment does not join
        its neighbours, though they have the same label.
    macro_f1 is the mean over the classes that occur in the truth. Edit is 100 (1 − distance / longer sequence).
    Raises `UserError` where predictions and truth do not go together.
    """
    videos = _Videos(predictions, truth, tuple(classes), background)
    total = len(videos.classes)
    table = confusion_matrix(videos.predicted, videos.true, total)
    per_class = scores_per_class(table)
    right = videos.predicted == videos.true
    accuracy = percent(np.bincount(videos.of_frame, right, videos.number), videos.lengths)
    items = {"accuracy": accuracy, "edit": videos.edit()}
    pooled = protocol == "mstcn"
    corpus = {
        "accuracy": 100 * float(right.mean()) if pooled else macro(accuracy),
        "macro_f1": macro(per_class["f1"][videos.counts]),
        "edit": macro(items["edit"]),
    }
    matches = match(videos.predicted_segments, videos.true_segments)
    predicted, true = videos.counted(videos.predicted_segments), videos.counted(videos.true_segments)
    per_class["segments"] = np.bincount(true.labels, minlength=total)
    size_of_class = per_class["segments"] + np.bincount(predicted.labels, minlength=total)
    size_of_video = videos.by_video(true) + videos.by_video(predicted)
    for overlap in overlaps:
        name = f"f1@{100 * overlap:g}"
        hits = videos.counted(videos.true_segments.at(matches.hits(overlap)))
        of_class, of_video = np.bincount(hits.labels, minlength=total), videos.by_video(hits)
        items[name] = percent(2 * of_video, size_of_video)
        per_class[name] = percent(2 * of_class, size_of_class)
        per_class[name][per_class["segments"] == 0] = np.nan
        all_at_once = percent(2 * of_class.sum(), size_of_class.sum())
        corpus[name] = float(all_at_once) if pooled else macro(items[name])
    return FrameScores(
        corpus,
        {name: values.tolist() for name, values in items.items()},
        {name: values.tolist() for name, values in per_class.items()},
        table,
        videos.classes,
        f"{protocol}, {videos.left_out}",
    )


def segment_statistics(
    predictions: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    *,
    classes: Sequence[str],
    background: Collection[Name] = (BACKGROUND,),
    short: int = 5,
) -> list[SegmentStatistics]:
    """The numbers and lengths of true and predicted segments: of all that count, then of each class.

    short: a segment with fewer frames than this is called short. The rest as in `frame_scores`.
    """
    videos = _Videos(predictions, truth, tuple(classes), background)
    true, predicted = (videos.counted(found) for found in (videos.true_segments, videos.predicted_segments))
    rows = [statistics_of("all", true.lengths, predicted.lengths, short)]
    for place in np.flatnonzero(videos.counts):
        these = [found.lengths[found.labels == place] for found in (true, predicted)]
        rows.append(statistics_of(videos.classes[place], these[0], these[1], short))
    return rows


class _Videos:
    """The labelled frames of all videos end to end, predicted and true, and their segments."""

    def __init__(
        self,
        predictions: Sequence[np.ndarray],
        truth: Sequence[np.ndarray],
        classes: tuple[str, ...],
        background: Collection[Name],
    ):
        check_labels(predictions, truth, len(classes))
        background = all_meant(background, classes)
        unknown = [name for name in background if name not in classes and name != BACKGROUND]
        if unknown:
            raise UserError(
                f"background names {unknown[0]!r}, which is no class; the classes are {', '.join(classes)}."
            )
        self.classes = classes
        self.counts = np.array([name not in background for name in classes])  # the classes whose segments count
        out = [name for name in classes if name in background]
        self.left_out = f"without background ({', '.join(out)})" if out else "every class counted"
        known = [np.asarray(labels) >= 0 for labels in truth]
        self.true = np.concatenate([np.asarray(y)[k] for y, k in zip(truth, known, strict=True)])
        self.predicted = np.concatenate([np.asarray(p)[k] for p, k in zip(predictions, known, strict=True)])
        self.lengths = np.array([int(k.sum()) for k in known])
        self.number = len(known)
        self.of_frame = np.repeat(np.arange(self.number), self.lengths)
        borders = np.cumsum(self.lengths)
        self.true_segments = segments(self.true, borders)
        self.predicted_segments = segments(self.predicted, borders)

    def counted(self, found: Segments) -> Segments:
        """Those of classes that are not background."""
        return found.at(self.counts[found.labels])

    def by_video(self, found: Segments) -> np.ndarray:
        return np.bincount(self.of_frame[found.starts], minlength=self.number)

    def edit(self) -> np.ndarray:
        """The edit score of each video, NaN where neither has a segment."""
        orders = []
        for found in (self.predicted_segments, self.true_segments):
            counted = self.counted(found)
            orders.append(np.split(counted.labels, np.cumsum(self.by_video(counted))[:-1]))
        longest = np.array([max(len(p), len(y)) for p, y in zip(*orders, strict=True)])
        distance = np.array([edit_distance(p.tolist(), y.tolist()) for p, y in zip(*orders, strict=True)])
        return 100 - percent(distance, longest)


def check_labels(predictions: Sequence[np.ndarray], truth: Sequence[np.ndarray], classes: int) -> None:
    """Raises `UserError` where labels predicted and true are not of one length, or not classes."""
    if len(predictions) != len(truth):
        raise UserError(f"Predictions for {len(predictions)} videos but labels of {len(truth)}; give both of each.")
    for place, (predicted, true) in enumerate(zip(predictions, truth, strict=True)):
        p, y = np.asarray(predicted), np.asarray(true)
        if p.shape != y.shape or p.ndim != 1:
            raise UserError(
                f"Video {place}: predictions of shape {p.shape} for labels of shape {y.shape}; expected one number for "
                "each frame in both."
            )
        known = y >= 0
        if known.any() and (p[known].min() < 0 or max(p[known].max(), y.max()) >= classes):
            raise UserError(
                f"Video {place}: predictions from {p[known].min()} to {p[known].max()} and labels up to {y.max()}; "
                f"expected classes from 0 to {classes - 1} (a label of -1: nobody said)."
            )
    if not any((np.asarray(labels) >= 0).any() for labels in truth):
        raise UserError("No frame has a label, so there is nothing to score; give at least one.")
