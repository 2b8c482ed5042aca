"""Pictures with captions as data modules: records by split, the vocabulary of the training captions, batches."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from seqvision.data.batches import collate
from seqvision.data.dataset import CaptionDataset
from seqvision.data.loading import EvaluationBatches, ResumableLoader, TrainBatches
from seqvision.data.records import CaptionRecord
from seqvision.data.transforms import ImageTransform, TrainTransform
from seqvision.data.vocabulary import Vocabulary, WordVocabulary
from seqvision.encoders.base import Encoder
from seqvision.encoders.cache import FeatureCache
from seqvision.encoders.feature_table import FeatureTable
from seqvision.errors import UserError

KEEP_BYTES = 1 << 30  # decoded pictures stay in memory up to this size


class CaptionData(LightningDataModule):
    """Batches of pictures with captions; a subclass says where the records come from (`read`).

    transform: pictures to pixels, the same in validation and in use; travels in the checkpoint.
    augmentation: transforms of training pictures by name, in order, drawn anew for each picture in each epoch.
    vocabulary: a partial that still lacks the texts.
    batch_size: the global batch: with several processes each takes its share.
    sort_by_length: captions of about the same length share a batch; quicker where lengths differ widely, but a batch is
        then no longer a fair sample, and learning takes more steps.
    memorise: trains on that many pictures with their first caption each, and validates on the same: what any network
        should manage before anything else is tried.
    num_workers: processes that read pictures; "auto" takes none where pictures fit into memory or features are
        cached, else one a core.
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

    @cached_property
    def records(self) -> dict[str, list[CaptionRecord]]:
        """The records by split; training and validation must not be empty."""
        splits: dict[str, list[CaptionRecord]] = {"train": [], "val": []}
        for record in self.read():
            if record.split is not None:
                splits.setdefault(record.split, []).append(record)
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
        return self.build_vocabulary(caption for record in self.records["train"] for caption in record.captions)

    @property
    def references(self) -> Mapping[str, tuple[str, ...]]:
        """The captions of every picture by its name."""
        return {record.id: record.captions for records in self.records.values() for record in records}

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
            batches = [torch.stack(images[i : i + 50]).to(encoder.mean.device) for i in range(0, len(images), 50)]
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
            length=dataset.length if self.sort_by_length else None,
        )
        self._train_loader = ResumableLoader(dataset, batches, **self._loader_settings(dataset))
        if self._position:
            self._train_loader.load_state_dict(self._position)
        return self._train_loader

    def state_dict(self) -> dict[str, int]:
        """How far the training epoch is; Lightning keeps it in every checkpoint."""
        return self._train_loader.state_dict() if self._train_loader is not None else {}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Where the next training loader goes on."""
        self._position = state_dict

    def val_dataloader(self) -> DataLoader[Any]:
        return self.evaluation_dataloader("val")

    def evaluation_dataloader(self, split: str) -> DataLoader[Any]:
        """The pictures of a split in order, each once over all processes."""
        rank, ranks = self._place()
        dataset = self._dataset(split, TrainTransform(self.image_transform))
        batches = EvaluationBatches(len(dataset), self.evaluation_batch_size, rank=rank, ranks=ranks)
        generator = torch.Generator().manual_seed(0)
        return DataLoader(dataset, batch_sampler=batches, generator=generator, **self._loader_settings(dataset))

    def _dataset(self, split: str, transform: TrainTransform) -> CaptionDataset:
        records = self.records[split]
        pixels = len(records) * self.image_transform.channels * self.image_transform.size**2
        return CaptionDataset(
            records,
            self.vocabulary,
            transform,
            features=self.features.get(split),
            keep_pixels=self.num_workers in ("auto", 0) and pixels <= KEEP_BYTES,
            max_tokens=self.max_tokens,
        )

    def _loader_settings(self, dataset: CaptionDataset) -> dict[str, Any]:
        in_memory = dataset.kept is not None or dataset.features is not None
        workers = (0 if in_memory else os.cpu_count() or 1) if self.num_workers == "auto" else int(self.num_workers)
        return {
            "collate_fn": collate,
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "pin_memory": torch.cuda.is_available(),
        }

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)


class FileCaptions(CaptionData):
    """A person's own pictures and captions, in any layout that `read_captions` knows.

    path: the folder or the caption file; layout, images, the columns, encoding, on_missing:
    as in `read_captions`. splits: the shares `val` and `test` and the seed of a stable split by picture, where the data
    has none of its own.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        layout: str = "auto",
        images: str | Path | None = None,
        image_column: str | None = None,
        caption_column: str | None = None,
        split_column: str | None = None,
        encoding: str = "utf-8",
        on_missing: str = "error",
        splits: Mapping[str, Any] | None = None,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.path = Path(path)
        self.reading: dict[str, Any] = {
            "layout": layout,
            "images": Path(images) if images else None,
            "image_column": image_column,
            "caption_column": caption_column,
            "split_column": split_column,
            "encoding": encoding,
            "on_missing": on_missing,
        }
        self.splits = dict(splits or {})

    def read(self) -> list[CaptionRecord]:
        from seqvision.data.formats import read_captions
        from seqvision.data.splits import assign_splits

        return assign_splits(read_captions(self.path, **self.reading), **self.splits)


class SceneCaptions(CaptionData):
    """The procedurally drawn scenes, written to a folder once and read from there like any other pictures."""

    def __init__(
        self,
        *,
        folder: str | Path,
        size: int = 64,
        counts: Mapping[str, int] | None = None,
        captions: int = 5,
        scene_seed: int = 0,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.folder = Path(folder)
        self.scenes: dict[str, Any] = {"size": size, "captions": captions, "seed": scene_seed}
        if counts:
            self.scenes["counts"] = dict(counts)

    def read(self) -> list[CaptionRecord]:
        from seqvision.data.formats import read_captions
        from seqvision.data.scenes import write_scenes

        folder = write_scenes(self.folder, **self.scenes)
        return list(read_captions(folder / "captions.json"))
