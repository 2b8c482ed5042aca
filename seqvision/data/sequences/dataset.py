"""Batches of sequences, whole or in windows, by number and seed: a pure function, so that any worker can make any."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset

from seqvision.data.augmentation import augmented_sequence
from seqvision.data.loading import Item
from seqvision.data.sequences.batches import UNLABELLED, SequenceBatch, sequence_batch
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError


class Window(NamedTuple):
    """Some frames of a record: its place in the list, and where in the record they start and stop."""

    record: int
    start: int
    stop: int


class SequenceDataset(Dataset[SequenceBatch]):
    """Batches by a list of `Item(index, seed)`, an item being a record, or a window of `window` frames of one.

    classes: the names that labels are places in; whether the records have classes or labelled frames they say
        themselves.
    augmentation: transforms of a training sequence's frames (time, …), in order. They draw from torch's global
        generator, which is set for the call and put back afterwards.
    keep: frames stay in memory as they were read, so that only the first epoch reads files.
    features: frames computed before, by record id, in place of what the reader would give.
    """

    def __init__(
        self,
        records: Sequence[SequenceRecord],
        reader: FrameReader,
        classes: Sequence[str],
        *,
        window: int | None = None,
        augmentation: Sequence[Callable[..., Tensor]] = (),
        keep: bool = False,
        features: Mapping[str, Tensor] | None = None,
    ):
        self.records = records
        self.reader = reader
        self.places = {name: place for place, name in enumerate(classes)}
        self.framewise = any(record.labels is not None for record in records)
        self.augmentation = augmentation
        self.features = features
        self.kept: list[Tensor | None] | None = [None] * len(records) if keep else None
        self.lengths = [self._record_length(record) for record in records] if window else None
        self.windows = windows_of(self.lengths, window) if window and self.lengths else None

    def __len__(self) -> int:
        return len(self.windows) if self.windows is not None else len(self.records)

    def length(self, item: Item) -> int:
        """The number of frames of the item."""
        if self.windows is not None:
            window = self.windows[item.record]
            return window.stop - window.start
        if self.lengths is None:
            self.lengths = [self._record_length(record) for record in self.records]
        return self.lengths[item.record]

    def __getitems__(self, items: Sequence[Item]) -> SequenceBatch:
        """The whole batch at once; torch's loader asks for it so."""
        windows = [self.windows[item.record] if self.windows else Window(item.record, 0, -1) for item in items]
        records = [self.records[window.record] for window in windows]
        frames = [self._frames(window) for window in windows]
        if self.augmentation:
            frames = [
                augmented_sequence(each, item.seed, self.augmentation) for each, item in zip(frames, items, strict=True)
            ]
        ids, starts = [record.id for record in records], [window.start for window in windows]
        if not self.framewise:
            return sequence_batch(ids, frames, starts=starts, classes=[self._class(record) for record in records])
        labels = [self._labels(window, len(each)) for window, each in zip(windows, frames, strict=True)]
        return sequence_batch(ids, frames, starts=starts, labels=labels)

    def _record_length(self, record: SequenceRecord) -> int:
        if record.labels is not None:
            return len(record.labels)
        if record.span is not None:
            return record.span[1] - record.span[0]
        if self.features is not None:
            return len(self.features[record.id])
        return self.reader.length(record.source)

    def _frames(self, window: Window) -> Tensor:
        record = self.records[window.record]
        if self.features is not None:
            first, last = record.span or (0, None)
            whole = self._checked(record, self.features[record.id][first:last], whole=True)
            return whole[window.start : window.stop] if self.windows else whole
        if self.kept is None:
            return self._read(record, window)
        kept = self.kept[window.record]
        if kept is None:
            self.kept[window.record] = kept = self._read(record, Window(window.record, 0, -1))
        return kept[window.start : window.stop] if self.windows else kept

    def _read(self, record: SequenceRecord, window: Window) -> Tensor:
        first, last = record.span or (0, None)
        if window.stop >= 0:
            first, last = first + window.start, first + window.stop
        frames = self.reader.read(record.source, first, last)
        return self._checked(record, frames, whole=window.stop < 0)

    @staticmethod
    def _checked(record: SequenceRecord, frames: Tensor, *, whole: bool) -> Tensor:
        """The frames, which are there, and of a whole record as many as it has labels."""
        if record.labels is not None and whole and len(frames) != len(record.labels):
            raise UserError(
                f"{record.id}: {len(frames)} frames, but {len(record.labels)} labels; see data.align in data/README.md"
            )
        if not len(frames):
            raise UserError(f"{record.id}: no frames in it; remove it from the data")
        return frames

    def _class(self, record: SequenceRecord) -> int:
        return UNLABELLED if record.label is None else self.places[record.label]

    def _labels(self, window: Window, frames: int) -> Int[Tensor, " time *labels"]:
        record = self.records[window.record]
        if record.labels is None:
            return torch.full((frames,), UNLABELLED)
        labels = record.labels[window.start : window.stop] if self.windows else record.labels
        return torch.from_numpy(np.ascontiguousarray(labels)).long()


def windows_of(lengths: Sequence[int], size: int) -> list[Window]:
    """All records in windows of `size` frames, the last of a record being shorter."""
    return [
        Window(record, start, min(start + size, length))
        for record, length in enumerate(lengths)
        for start in range(0, length, size)
    ]


class Lanes:
    """An epoch's order of windows such that each row of the batches reads on where it stopped in the batch before.

    The records are shuffled, their windows laid end to end, and that one line is cut into `rows` lanes of equal length:
    row i of batch j is window j of lane i (as language models are trained on one long text). Only at a lane's
    beginning, in the middle of a record maybe, does the state begin anew without need.
    """

    def __init__(self, windows: Sequence[Window], rows: int):
        self.rows = rows
        self.of_record: dict[int, list[int]] = {}
        for place, window in enumerate(windows):
            self.of_record.setdefault(window.record, []).append(place)

    def __call__(self, *, generator: torch.Generator) -> Int[Tensor, " windows"]:
        records = list(self.of_record.values())
        line = [place for i in torch.randperm(len(records), generator=generator).tolist() for place in records[i]]
        whole, rest = divmod(len(line), self.rows)
        # the first `rest` lanes have a window more: it makes the last, smaller batch
        starts = [lane * whole + min(lane, rest) for lane in range(self.rows + 1)]
        lanes = [line[a:b] for a, b in pairwise(starts)]
        return torch.tensor([lane[step] for step in range(whole + bool(rest)) for lane in lanes if step < len(lane)])
