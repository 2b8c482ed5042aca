"""Sequences as a data module: records by split, class names, the reader, batches whole or in windows."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqvision.data.loading import Item
from seqvision.data.module import FEW_STEPS, RecordData
from seqvision.data.sequences.dataset import Lanes, SequenceDataset
from seqvision.data.sequences.followers import count_followers
from seqvision.data.sequences.frozen import frozen_features
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.readers.features import fit_reader, unsaid_notes
from seqvision.data.sequences.readers.levels import settle_relative
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.encoders.base import Encoder
from seqvision.errors import UserError
from seqvision.wording import counted

KEEP_BYTES = 1 << 30  # frames stay in memory up to this size
SAMPLED = 200  # training sequences whose frames give the mean and the deviation
AUTO_WINDOW = 100
OF_A_CLIP = 8  # frames of each, where they are pictures


class SequenceData(RecordData):
    """Batches of sequences.

    read: gives the `SequenceSet`, every record with its split; called with `reading`, the keys that only it knows (a
        path, columns, shares of splits, …).
    reader: of the sequences' frames; what it learns, it learns from the training sequences.
    window: training cuts sequences into windows of that many frames; a forward-only network then carries its state
        from one to the next (truncated back-propagation through time), a bidirectional one sees each by itself. None:
        whole sequences. "auto": windows of `AUTO_WINDOW` frames where few long recordings would make hardly a step an
        epoch.
    augmentation: transforms of a training sequence's frames by name, in order, drawn anew in each epoch.
    """

    unit = "sequences"
    reads_with = "read"  # the argument that is called with those that only it knows

    def __init__(
        self,
        read: Callable[..., SequenceSet],
        reader: FrameReader,
        *,
        window: int | str | None = None,
        augmentation: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
        batch_size: int = 64,
        evaluation_batch_size: int = 100,
        num_workers: int | str = "auto",
        sort_by_length: bool = False,
        take: Mapping[str, int] | None = None,
        memorise: int | None = None,
        seed: int = 0,
        **reading: Any,
    ):
        super().__init__(
            batch_size=batch_size,
            evaluation_batch_size=evaluation_batch_size,
            num_workers=num_workers,
            sort_by_length=sort_by_length,
            take=take,
            memorise=memorise,
            seed=seed,
        )
        if window not in (None, "auto") and (isinstance(window, str) or window < 1):
            raise UserError(f"data.window is {window}, expected a number of frames, 1 or more, auto or null")
        if window is not None and sort_by_length:
            raise UserError(
                f"data.window={window} and data.sort_by_length=true exclude each other: windows go on in the batch "
                "that follows, and sorting would tear them apart. Set data.sort_by_length=false"
            )
        self.read_with, self.reading = read, reading
        self.cut = window
        self.augmentation = list((augmentation or {}).values())
        self.unfitted = reader
        self.features: dict[str, Mapping[str, Tensor]] = {}

    @cached_property
    def set(self) -> SequenceSet:
        """The sequences with their classes, read once."""
        return self.read_with(**self.reading)

    @cached_property
    def window(self) -> int | None:
        """The frames of a training window; None for whole sequences."""
        if self.cut != "auto":
            return self.cut  # type: ignore[return-value]
        lengths = [len(labels) for labels in self.labels_of("train")]
        few = len(lengths) < FEW_STEPS * self.batch_size
        return AUTO_WINDOW if few and lengths and np.mean(lengths) >= 2 * AUTO_WINDOW else None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the network's scores."""
        return self.set.classes

    @cached_property
    def reader(self) -> FrameReader:
        """The reader, with what it learns from the training sequences."""
        return settle_relative(fit_reader(self.unfitted, self.records["train"]), self.records["train"])

    def read(self) -> Sequence[SequenceRecord]:
        return self.set.records

    def model_sizes(self) -> dict[str, Any]:
        return {"classes": len(self.classes), "frames": self.reader.sizes}

    def held(self) -> dict[str, Any]:
        return {
            "classes": list(self.classes),
            "multilabel": self.set.multilabel,
            "reader": {"kind": type(self.reader).__name__, **self.reader.settings()},
        }

    def task_parts(self) -> dict[str, Any]:
        parts = {"classes": self.classes, "multilabel": self.set.multilabel, "counts": self.counts()}
        labels = self.labels_of("train")
        if labels and not self.set.multilabel:
            parts["followers"] = count_followers(labels, len(self.classes))
        return parts

    def counts(self) -> Tensor:
        """How often each class occurs in training: labelled frames, or sequences where these have the classes. With
        several labels a frame (2, classes): the frames without and those with each.
        """
        labels = self.labels_of("train")
        if self.set.multilabel:
            found = [np.stack([(each == value).sum(axis=0) for value in (0, 1)]) for each in labels]
            return torch.from_numpy(np.sum(found, axis=0))
        if not labels:
            places = {name: place for place, name in enumerate(self.classes)}
            labels = [np.array([places[r.label] for r in self.records["train"] if r.label is not None], dtype=np.int64)]
        every = np.concatenate(labels)
        return torch.from_numpy(np.bincount(every[every >= 0], minlength=len(self.classes)))

    def summary(self) -> str:
        notes = "".join(f"\n  {note}" for note in [*self.set.notes, *unsaid_notes(self.reader, self.set.notes)])
        return f"{super().summary()}; {counted(len(self.classes), 'class', plural='classes')}{notes}"

    def prepare(self, model: nn.Module, *, cache: str | Path | None, device: torch.device) -> None:
        """The statistics of training features; the features of what is fixed in the encoder, where they are the same in
        every epoch.
        """
        front: Any = model.front
        fixed = front.encoder.fixed() if hasattr(front, "encoder") else None
        if fixed is not None and cache and not self.augmentation:
            self.compute_features(fixed, cache, device=device)
        if hasattr(front, "standardise"):
            front.standardise(self.sample_frames(getattr(front, "wanted", 0)))
        if getattr(model, "wide", None) is not None:
            self.measure(model.wide)

    def measure(self, wide: Any) -> None:
        """Lets the part beside the network see all training sequences whose class is known."""
        dataset, places = self._whole("train"), {name: place for place, name in enumerate(self.classes)}
        known = [number for number, record in enumerate(self.records["train"]) if record.label is not None]
        frames = [dataset.__getitems__([Item(number, 0)]).frames[0] for number in known]
        wide.measure(frames, torch.tensor([places[self.records["train"][number].label] for number in known]))

    def compute_features(
        self, encoder: Encoder, folder: str | Path, *, device: torch.device, splits: Sequence[str] = ("train", "val")
    ) -> None:
        """From here on batches carry a frozen encoder's features, from the cache in `folder`, instead of pictures."""
        for split in splits:
            records = self.records[split]
            found = frozen_features(encoder, self.reader, records, split=split, folder=folder, device=device)
            if found is not None:
                self.features[split] = found
        self._datasets.clear()

    def sample_frames(self, wanted: int = 0) -> Tensor:
        """All frames (frames, …) of evenly spaced training sequences; of more of them where `wanted` frames are."""
        records = self.records["train"]
        dataset = self._whole("train")
        number = SAMPLED
        if wanted:
            number = max(SAMPLED, -(-wanted // len(dataset.__getitems__([Item(0, 0)]).frames[0])))
        every = range(0, len(records), -(-len(records) // number))
        batches = (dataset.__getitems__([Item(index, index)]) for index in every)
        return torch.cat([batch.frames[0] for batch in batches])

    def sample_pictures(self) -> Tensor:
        """Frames that are pictures, a few of each of evenly spaced training sequences."""
        if len(self.reader.frame_shape) != 3:
            return super().sample_pictures()
        records = self.records["train"]
        dataset = self._whole("train")
        every = range(0, len(records), -(-len(records) // SAMPLED))
        clips = (dataset.__getitems__([Item(index, index)]).frames[0] for index in every)
        return torch.cat([clip[:: max(1, len(clip) // OF_A_CLIP)] for clip in clips])

    def dataset(self, split: str, *, training: bool) -> SequenceDataset:
        whole = self._whole(split)
        if not training or not (self.window or self.augmentation):
            return whole
        if (split, True) not in self._datasets:
            made = self._dataset(split, window=self.window, augmentation=self.augmentation)
            made.kept = whole.kept  # read once for training and for statistics
            self._datasets[split, True] = made
        return self._datasets[split, True]

    def order(self, split: str) -> Lanes | None:
        """Windows in lanes, so that the state can be carried on."""
        if not self.window:
            return None
        windows = self.dataset(split, training=True).windows
        return Lanes(windows or [], self.batch_size)

    def in_memory(self, dataset: SequenceDataset) -> bool:
        return dataset.kept is not None or dataset.features is not None

    def labels_of(self, split: str) -> list[np.ndarray]:
        """The labels of every labelled sequence's frames, for counts and controls."""
        return [record.labels for record in self.records[split] if record.labels is not None]

    @cached_property
    def _datasets(self) -> dict[tuple[str, bool], SequenceDataset]:
        """By split, and whether they are cut or varied for training."""
        return {}

    def _whole(self, split: str) -> SequenceDataset:
        """The dataset of whole sequences as they are, made once: it keeps what it has read."""
        if (split, False) not in self._datasets:
            keep = split not in self.features and self._keeps(self.records[split])
            self._datasets[split, False] = self._dataset(split, keep=keep)
        return self._datasets[split, False]

    def _dataset(self, split: str, **settings: Any) -> SequenceDataset:
        features = self.features.get(split)
        return SequenceDataset(self.records[split], self.reader, self.classes, features=features, **settings)

    def _keeps(self, records: Sequence[SequenceRecord]) -> bool:
        """Whether all frames of these records fit into memory, judged by a few."""
        if self.num_workers not in ("auto", 0):
            return False
        tried = records[:: -(-len(records) // 8)]
        size = sum(_bytes(self.reader.read(record.source, *(record.span or (0, None)))) for record in tried)
        return size / len(tried) * len(records) <= KEEP_BYTES


def _bytes(frames: Tensor) -> int:
    return frames.numel() * frames.element_size()
