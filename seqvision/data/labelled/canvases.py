"""Composed canvases as records: drawn when they are asked for, always the same by number, anew by seed."""

from collections.abc import Sequence
from functools import cached_property
from random import Random
from typing import overload

import numpy as np

from seqvision.data.labelled.compose import Composer
from seqvision.data.labelled.reader import WholePictureReader, picture_of
from seqvision.data.labelled.symbols import written
from seqvision.data.loading import seed_of
from seqvision.data.sequences.records import SequenceRecord


class Canvases(Sequence[SequenceRecord]):
    """Records of `number` canvases that a composer makes of a pool of labelled pictures. None is kept."""

    def __init__(
        self,
        pool: Sequence[SequenceRecord],
        reader: WholePictureReader,
        compose: Composer,
        *,
        number: int,
        classes: Sequence[str],
        split: str,
    ):
        self.pool = [record for record in pool if record.label is not None]
        self.reader, self.compose = reader, compose
        self.number, self.classes, self.split = number, classes, split

    @cached_property
    def pictures(self) -> list[np.ndarray]:
        """The pool's pixels, (height, width) or (height, width, channels)."""
        read = [self.reader(picture_of(record)) for record in self.pool]
        return [each[0].numpy() if len(each) == 1 else each.permute(1, 2, 0).numpy() for each in read]

    def __len__(self) -> int:
        return self.number

    @overload
    def __getitem__(self, place: int) -> SequenceRecord: ...
    @overload
    def __getitem__(self, place: slice) -> list[SequenceRecord]: ...
    def __getitem__(self, place: int | slice) -> SequenceRecord | list[SequenceRecord]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(self.number))]
        if not -self.number <= place < self.number:
            raise IndexError(place)
        return self.drawn(seed_of(place % self.number), id=f"{self.split}/{place % self.number:06}")

    def drawn(self, seed: int, *, id: str = "canvas") -> SequenceRecord:
        """The canvas that this seed draws."""
        canvas, places = self.compose(self.pictures, Random(seed))
        names = [str(self.pool[place].label) for place in places]
        label = str(sum(map(int, names))) if self.compose.label == "sum" else written(names, self.classes)
        return SequenceRecord(id=id, source=canvas, label=label, split=self.split)
