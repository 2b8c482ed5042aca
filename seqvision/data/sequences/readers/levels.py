"""Whether features are better taken relative to each recording's own mean: what the training recordings say."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.readers.features import FeatureReader
from seqvision.data.sequences.records import SequenceRecord

SAMPLED = 200  # recordings that are read


def settle_relative(reader: FrameReader, records: Sequence[SequenceRecord]) -> FrameReader:
    """The reader with `relative=true` or false in place of "auto".

    True where the recordings' levels explain more of the features' variance than their labels do: people, sensors or
    cameras differ more than what happens. False where frames have no labels or several, or hardly a recording has two;
    and where recordings share a file, whose mean is none of theirs.
    """
    if not isinstance(reader, FeatureReader) or reader.relative != "auto":
        return reader
    plain = replace(reader, relative=False)
    if any(record.span is not None and record.span[0] > 0 for record in records):
        note = "levels: features are taken as they are, because several recordings share a file (data.reader.relative)"
        return replace(plain, notes=(*plain.notes, note))
    labelled = [record for record in records if record.labels is not None and record.labels.ndim == 1]
    shares = explained_shares(plain, labelled[:: -(-len(labelled) // SAMPLED) or 1])
    if shares is None:
        return plain
    recordings, labels = shares
    relative = recordings > labels
    what = "relative to their mean and deviation in each recording" if relative else "as they are"
    note = (
        f"levels: features are taken {what}, because {recordings:.0%} of their variance is between recordings and "
        f"{labels:.0%} between labels (data.reader.relative)"
    )
    return replace(plain, relative=relative, notes=(*plain.notes, note))


def explained_shares(reader: FrameReader, records: Sequence[SequenceRecord]) -> tuple[float, float] | None:
    """The shares of the features' variance that only the recordings and only the labels explain, the mean over the
    features; None where fewer than half of the recordings have two labels, or only one has any.

    An additive model of both, less that of the other alone (the extra sum of squares). A level that goes with the
    labels, because a recording has mostly one, counts for neither.
    """
    cells: list[tuple[int, int]] = []
    counts: list[int] = []
    sums: list[np.ndarray] = []
    squares = np.zeros(reader.frame_shape)
    for place, record in enumerate(records):
        assert record.labels is not None
        frames = (
            reader.read(record.source, *(record.span or (0, None))).numpy().astype(np.float64)[: len(record.labels)]
        )
        for label in np.unique(record.labels[record.labels >= 0]):
            found = frames[record.labels[: len(frames)] == label]
            cells.append((place, int(label)))
            counts.append(len(found))
            sums.append(found.sum(axis=0))
            squares += (found**2).sum(axis=0)
    if not cells:
        return None
    of_recordings, of_labels = (np.unique(column, return_inverse=True)[1] for column in np.array(cells).T)
    several = np.bincount(of_recordings) > 1
    if len(several) < 2 or several.mean() < 0.5:
        return None
    n = np.array(counts, dtype=np.float64)
    mean = np.sum(sums, axis=0) / n.sum()
    deviations = np.array(sums) - n[:, None] * mean
    total = squares - n.sum() * mean**2
    varies = total / n.sum() > 1e-10

    def explained(*factors: np.ndarray) -> np.ndarray:
        design = np.concatenate([np.eye(factor.max() + 1)[factor] for factor in factors], axis=1)
        moments = design.T @ deviations
        return (moments * (np.linalg.pinv(design.T @ (n[:, None] * design)) @ moments)).sum(axis=0)

    if not varies.any():
        return None
    both = explained(of_recordings, of_labels)
    only = [((both - explained(other)) / np.where(varies, total, 1.0))[varies] for other in (of_labels, of_recordings)]
    return float(only[0].mean()), float(only[1].mean())
