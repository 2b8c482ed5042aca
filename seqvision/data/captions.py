"""Pictures with captions as a data module: records by split, the vocabulary of the training captions, batches."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from multiprocessing import get_start_method
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from seqvision.data.dataset import CaptionDataset, as_it_is
from seqvision.data.loading import EvaluationBatches, Item, Loader, ResumableLoader, ShuffledShards, TrainBatches
from seqvision.data.progress import tracked
from seqvision.data.records import CaptionRecord
from seqvision.data.transforms import ImageTransform, TrainTransform, stack_pictures
from seqvision.data.vocabulary import Vocabulary, WordVocabulary
from seqvision.data.workers import Workers, choose_workers, shared_memory_room, usable_cores
from seqvision.encoders.base import Encoder
from seqvision.encoders.cache import FeatureCache
from seqvision.encoders.feature_table import FeatureTable
from seqvision.errors import UserError

KEEP_BYTES = 1 << 30  # decoded pictures stay in memory up to this size
TRIED = 8  # pictures whose reading is timed


class CaptionData(LightningDataModule):
    """Batches of pictures with captions; a subclass says where the records come from (`read`).

    Pictures are 8-bit numbers until they are on the device, where the encoder scales them.

    transform: pictures to pixels, the same in validation and in use; travels in the checkpoint.
    augmentation: transforms of training pictures by name, in order, drawn anew for each picture in each epoch.
    vocabulary: a partial that still lacks the texts.
    batch_size: the global batch: with several processes each takes its share.
    sort_by_length: captions of about the same length share a batch; quicker where lengths differ widely, but a batch is
        then no longer a fair sample, and learning takes more steps.
    memorise: trains on that many pictures with their first caption each, and validates on the same: what any network
        should manage before anything else is tried.
    num_workers: processes that read pictures; "auto" takes none where pictures fit into memory, features are cached or
        an epoch is soon read, else one a core.
    """

    def __init__(
        self,
        *,
        transform: ImageTransform,
        augmentation: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
        vocabulary: Callable[..., Vocabulary] = WordVocabulary.build,
        batch_size: int = 64,
        evaluation_batch_size: int = 100,
        num_workers: int | str = "auto",
        max_tokens: int = 50,
        sort_by_length: bool = False,
        memorise: int | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.image_transform = transform
        self.augmentation = list((augmentation or {}).values())
        self.build_vocabulary = vocabulary
        self.batch_size = batch_size
        self.evaluation_batch_size = evaluation_batch_size
        self.num_workers = num_workers
        self.max_tokens = max_tokens
        self.sort_by_length = sort_by_length
        self.memorise = memorise
        self.seed = seed
        self.features: dict[str, FeatureTable] = {}
        self._train_loader: ResumableLoader | None = None
        self._position: dict[str, int] = {}

    def read(self) -> list[CaptionRecord]:
        """All records, each with its split."""
        raise NotImplementedError

    def read_splits(self) -> dict[str, Sequence[CaptionRecord]]:
        """The records by split."""
        splits: dict[str, Any] = {}
        for record in self.read():
            if record.split is not None:
                splits.setdefault(record.split, []).append(record)
        return splits

    @cached_property
    def records(self) -> dict[str, Sequence[CaptionRecord]]:
        """The records by split; training and validation must not be empty."""
        splits = {"train": [], "val": [], **self.read_splits()}
        for name in ("train", "val"):
            if not splits[name]:
                found = ", ".join(f"{len(records)} in '{split}'" for split, records in splits.items())
                raise UserError(f"data: the split '{name}' has no pictures ({found}); see `seqvision data check`")
        if self.memorise:
            few = [replace(record, captions=record.captions[:1]) for record in splits["train"][: self.memorise]]
            splits["train"] = splits["val"] = few
        return splits

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the training captions."""
        records = self.records["train"]
        reading = tracked(records, total=len(records), description="Counting words")
        return self.build_vocabulary(caption for record in reading for caption in record.captions)

    @property
    def references(self) -> Mapping[str, tuple[str, ...]]:
        """The captions of every picture by its name."""
        return {record.id: record.captions for records in self.records.values() for record in records}

    def loaded_records(self, split: str) -> Sequence[CaptionRecord]:
        """The records of a split for a loader, which reads them all."""
        return self.records[split]

    def order(self, split: str) -> ShuffledShards | None:
        """How an epoch is shuffled, where not anyhow."""
        return None

    @property
    def cacheable(self) -> bool:
        """Whether a picture's features are the same in every epoch."""
        return not self.augmentation

    def compute_features(self, encoder: Encoder, folder: str | Path, splits: Sequence[str] = ("train", "val")) -> None:
        """From here on batches carry a frozen encoder's features, from the cache in `folder`, instead of pictures."""
        cache = FeatureCache(folder)
        for split in splits:
            self.features[split] = cache.compute(
                encoder,
                self.image_transform,
                [record.image for record in self.records[split]],
                split=split,
                transform_key=self.image_transform.key(),
            )

    def sample_features(self, encoder: Encoder, pictures: int = 1000) -> Tensor:
        """A frozen encoder's features of evenly spaced training pictures, for their statistics."""
        every = range(0, len(self.records["train"]), max(1, len(self.records["train"]) // pictures))
        if "train" in self.features:
            return self.features["train"].batch(list(every))
        images = [self.image_transform(self.records["train"][index].image) for index in every]
        with torch.no_grad():
            batches = [stack_pictures(images[i : i + 50]).to(encoder.mean.device) for i in range(0, len(images), 50)]
            return torch.cat([encoder(batch) for batch in batches])

    def train_dataloader(self) -> ResumableLoader:
        rank, ranks = self._place()
        if self.batch_size % ranks:
            raise UserError(
                f"data.batch_size={self.batch_size} is the global batch and must be a multiple of the {ranks} "
                f"processes; take {-(-self.batch_size // ranks) * ranks}"
            )
        dataset = self._dataset("train", TrainTransform(self.image_transform, self.augmentation))
        batches = TrainBatches(
            len(dataset),
            self.batch_size // ranks,
            seed=self.seed,
            rank=rank,
            ranks=ranks,
            order=self.order("train"),
            length=dataset.length if self.sort_by_length else None,
        )
        settings = self._loader_settings(dataset, self.batch_size // ranks)
        self._train_loader = ResumableLoader(dataset, batches, **settings)
        if self._position:
            self._train_loader.load_state_dict(self._position)
        return self._train_loader

    def state_dict(self) -> dict[str, int]:
        """How far the training epoch is; Lightning keeps it in every checkpoint."""
        return self._train_loader.state_dict() if self._train_loader is not None else {}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Where the next training loader goes on."""
        self._position = state_dict

    def val_dataloader(self) -> Loader:
        return self.evaluation_dataloader("val")

    def evaluation_dataloader(self, split: str) -> Loader:
        """The pictures of a split in order, each once over all processes."""
        rank, ranks = self._place()
        dataset = self._dataset(split, TrainTransform(self.image_transform))
        batches = EvaluationBatches(len(dataset), self.evaluation_batch_size, rank=rank, ranks=ranks)
        return Loader(dataset, batches, **self._loader_settings(dataset, self.evaluation_batch_size))

    def _dataset(self, split: str, transform: TrainTransform) -> CaptionDataset:
        records = self.loaded_records(split)
        return CaptionDataset(
            records,
            self.vocabulary,
            transform,
            features=self.features.get(split),
            keep_pixels=self.num_workers in ("auto", 0) and len(records) * self._picture_bytes() <= KEEP_BYTES,
            max_tokens=self.max_tokens,
        )

    def _loader_settings(self, dataset: CaptionDataset, batch_size: int) -> dict[str, Any]:
        workers = self._workers(dataset, batch_size)
        return {
            "collate_fn": as_it_is,
            "num_workers": workers.number,
            "prefetch_factor": workers.ahead,
            "persistent_workers": workers.number > 0,
            "pin_memory": torch.cuda.is_available(),
        }

    def _workers(self, dataset: CaptionDataset, batch_size: int) -> Workers:
        if self.num_workers != "auto":
            return Workers(int(self.num_workers), 2 if int(self.num_workers) else None)
        if dataset.kept is not None or dataset.features is not None:
            return Workers(0, None)
        tried = range(0, len(dataset), -(-len(dataset) // TRIED))
        begun = time.perf_counter()
        dataset.__getitems__([Item(index, index) for index in tried])
        seconds = (time.perf_counter() - begun) / len(tried) * len(dataset)
        sharing = self.trainer.num_devices if self.trainer is not None else 1
        return choose_workers(
            seconds,
            batch_bytes=batch_size * self._picture_bytes(),
            cores=usable_cores() // sharing,
            start_method=get_start_method(),
            room=shared_memory_room(),
        )

    def _picture_bytes(self) -> int:
        return self.image_transform.channels * self.image_transform.size**2

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
