"""Classes of sequences without a recurrence: logistic regression on words, or on all frames at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch.nn.functional import adaptive_avg_pool2d

from seqvision.data import TextReader
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.metrics.linear_baselines import FrameLogisticRegression, WordLogisticRegression

LARGEST = 4096  # numbers of a sequence up to which its frames are laid side by side
SIDE = 8  # pixels a side of what is left of a clip's pictures
MOST = 100_000_000  # numbers of all training sequences together


def without_recurrence(
    reader: FrameReader,
    classes: Sequence[str],
    training: Mapping[str, Sequence[SequenceRecord]],
    records: Sequence[SequenceRecord],
) -> tuple[np.ndarray, str]:
    """The probabilities (records, classes) of a logistic regression, and how it was set.

    Sentences: on their words and word pairs. Else on the frames side by side where all sequences have one small size
    (pictures read row by row), or on each feature's mean, deviation, least and greatest over time; clips on 8 x 8
    pixels of each frame. How strongly it is regularised, is chosen on `val`. Raises `UserError` where it cannot be had:
    no training or validation classes, or more numbers than a control is worth.
    """
    train, val = ([r for r in training.get(name, ()) if r.label is not None] for name in ("train", "val"))
    if not train or not val:
        raise UserError(f"{len(train)} training and {len(val)} validation sequences with a class; it needs both")
    labels, val_labels = [str(r.label) for r in train], [str(r.label) for r in val]
    model: Any
    if isinstance(reader, TextReader):
        model = WordLogisticRegression().fit(_texts(train), labels, _texts(val), val_labels)
        probabilities, what = model.probabilities(_texts(records)), "words and word pairs"
    else:
        frames, val_frames, asked = (frames_of(reader, some) for some in (train, val, records))
        shapes = {each.shape for part in (frames, val_frames, asked) for each in part}
        flat = len(shapes) == 1 and frames[0].size <= LARGEST
        model = FrameLogisticRegression("flat" if flat else "statistics").fit(frames, labels, val_frames, val_labels)
        probabilities = model.probabilities(asked)
        what = "all frames side by side" if flat else "mean, deviation, least and greatest of each feature over time"
    found = np.zeros((len(records), len(classes)))
    found[:, [list(classes).index(name) for name in model.classes]] = probabilities
    return found, f"without recurrence: logistic regression on {what}, C = {model.strength:g} chosen on val"


def frames_of(reader: FrameReader, records: Sequence[SequenceRecord]) -> list[np.ndarray]:
    """The frames (time, numbers) of the records; pictures as 8 x 8 means of each channel."""
    found, total = [], 0
    for record in records:
        frames = reader.read(record.source, *(record.span or (0, None)))
        if frames.dim() == 4:
            frames = adaptive_avg_pool2d(frames.float() / 255, (SIDE, SIDE)).flatten(1)
        total += frames.numel()
        if total > MOST:
            raise UserError(f"the sequences hold more than {MOST:,} numbers, too many for a control")
        found.append(frames.numpy())
    return found


def _texts(records: Sequence[SequenceRecord]) -> list[str]:
    return [str(record.source) for record in records]
