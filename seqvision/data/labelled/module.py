"""Whole pictures with their labels as a data module: as they are, or laid on canvases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from seqvision.data.labelled.canvases import Canvases
from seqvision.data.labelled.compose import Composer
from seqvision.data.labelled.dataset import PictureDataset
from seqvision.data.labelled.reader import WholePictureReader, picture_of
from seqvision.data.labelled.symbols import Symbols, split_label, sums_of
from seqvision.data.module import RecordData
from seqvision.data.sequences.records import SequenceRecord, SequenceSet


class LabelledPictures(RecordData):
    """Batches of whole pictures.

    read: gives the `SequenceSet`, every record a picture with its split and its label; called with `reading`.
    reader: makes them uint8 pixels.
    compose: a `Composer`: what is shown is laid on canvases, drawn anew in every epoch of training and the same ones at
        every evaluation. `canvases`: how many a split has, {split: number}; None, or no entry: as many as it
        has pictures.
    backward: strings are read from the last symbol to the first.
    augmentation: transforms of a batch of training pictures by name, in order.

    A label is one class, or a string of several where `read` or the composer gives such; then an end mark closes it,
    unless all have one length.
    """

    unit = "pictures"
    reads_with = "read"  # the argument that is called with those that only it knows

    def __init__(
        self,
        read: Callable[..., SequenceSet],
        reader: WholePictureReader,
        *,
        compose: Composer | None = None,
        canvases: Mapping[str, int | None] | None = None,
        backward: bool = False,
        augmentation: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
        batch_size: int = 128,
        evaluation_batch_size: int = 500,
        num_workers: int | str = "auto",
        take: Mapping[str, int] | None = None,
        memorise: int | None = None,
        seed: int = 0,
        **reading: Any,
    ):
        super().__init__(
            batch_size=batch_size,
            evaluation_batch_size=evaluation_batch_size,
            num_workers=num_workers,
            take=take,
            memorise=memorise,
            seed=seed,
        )
        self.read_with, self.reading = read, reading
        self.unfitted = reader
        self.compose = compose
        self.canvases = {split: number for split, number in (canvases or {}).items() if number is not None}
        self.backward = backward
        self.augmentation = list((augmentation or {}).values())

    @cached_property
    def set(self) -> SequenceSet:
        """The pictures with their labels, read once."""
        return self.read_with(**self.reading)

    @cached_property
    def pictures(self) -> dict[str, Sequence[SequenceRecord]]:
        """The pictures by split; where canvases are composed, what they are composed of."""
        return super().read_splits()

    @cached_property
    def pool_reader(self) -> WholePictureReader:
        """The reader of single pictures, with the shape of those to train on."""
        return self.unfitted.fitted(picture_of(record) for record in self.pictures.get("train", ()))

    @cached_property
    def reader(self) -> WholePictureReader:
        """The reader of what is shown: of the pictures, or of canvases."""
        if self.compose is None:
            return self.pool_reader
        return replace(self.pool_reader, shape=(*self.compose.shape, self.pool_reader.channels))

    @cached_property
    def symbols(self) -> Symbols:
        """What labels are made of."""
        if self.compose is not None and self.compose.label == "sum":
            return Symbols(sums_of(self.set.classes, self.compose.count), most=1, several=False)
        if self.compose is not None:
            least, most = self.compose.count
            return Symbols(self.set.classes, most=most, several=least < most, backward=self.backward)
        lengths = {len(split_label(record.label, self.set.classes)) for record in self.set.records if record.label}
        return Symbols(self.set.classes, most=max(lengths, default=1), several=len(lengths) > 1, backward=self.backward)

    def read(self) -> Sequence[SequenceRecord]:
        return self.set.records

    def read_splits(self) -> dict[str, Sequence[SequenceRecord]]:
        compose = self.compose
        if compose is None:
            return dict(self.pictures)
        return {
            split: Canvases(
                pool,
                self.pool_reader,
                compose,
                number=self.canvases.get(split, len(pool)),
                classes=self.set.classes,
                split=split,
            )
            for split, pool in self.pictures.items()
        }

    def model_sizes(self) -> dict[str, Any]:
        assert self.reader.shape is not None
        height, width, channels = self.reader.shape
        return {
            "classes": self.symbols.classes,
            "objects": self.symbols.objects,
            "pictures": {"channels": channels, "height": height, "width": width},
        }

    def held(self) -> dict[str, Any]:
        return {"symbols": self.symbols.settings(), "reader": self.reader.settings()}

    def task_parts(self) -> dict[str, Any]:
        return {"symbols": self.symbols}

    def summary(self) -> str:
        notes = "".join(f"\n  {note}" for note in self.set.notes)
        return f"{super().summary()}; {self.symbols}{notes}"

    def dataset(self, split: str, *, training: bool) -> PictureDataset:
        kept = self._kept.setdefault(split, {}) if self.num_workers in ("auto", 0) else None
        return PictureDataset(
            self.records[split],
            self.reader,
            self.symbols,
            training=training,
            augmentation=self.augmentation if training else (),
            kept=None if self.compose is not None and training and not self.memorise else kept,
        )

    @cached_property
    def _kept(self) -> dict[str, dict[int, Tensor]]:
        return {}

    def in_memory(self, dataset: PictureDataset) -> bool:
        return self.compose is None and all(isinstance(record.source, np.ndarray) for record in dataset.records)
