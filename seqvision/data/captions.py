"""Pictures with captions as a data module: the vocabulary of the training captions, batches, features kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqvision.data.augmentation import stack_pictures
from seqvision.data.dataset import CaptionDataset
from seqvision.data.module import SEEN, RecordData
from seqvision.data.progress import tracked
from seqvision.data.records import CaptionRecord
from seqvision.data.transforms import ImageTransform, TrainTransform
from seqvision.data.vocabulary import Vocabulary, WordVocabulary
from seqvision.encoders.base import Encoder
from seqvision.encoders.cache import FeatureCache
from seqvision.encoders.feature_table import FeatureTable
from seqvision.errors import UserError

SAMPLED = 300  # training pictures whose channels are measured
KEEP_BYTES = 1 << 30  # decoded pictures stay in memory up to this size


class CaptionData(RecordData):
    """Batches of pictures with captions; a subclass says where the records come from (`read`).

    Pictures are 8-bit numbers until they are on the device, where the encoder scales them.

    transform: pictures to pixels, the same in validation and in use; travels in the checkpoint.
    augmentation: transforms of training pictures by name, in order, drawn anew for each picture in each epoch.
    vocabulary: a partial that still lacks the texts.
    settings: those of every data module; `memorise` takes the first caption of each picture.
    """

    unit = "pictures"

    def __init__(
        self,
        *,
        transform: ImageTransform,
        augmentation: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
        vocabulary: Callable[..., Vocabulary] = WordVocabulary.build,
        max_tokens: int = 50,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.image_transform = transform
        self.augmentation = list((augmentation or {}).values())
        self.build_vocabulary = vocabulary
        self.max_tokens = max_tokens
        self.features: dict[str, FeatureTable] = {}

    def checked_path(self) -> Path:
        """What `seqvision data check` looks into: a caption file, or a folder of captioned pictures or of shards."""
        raise UserError(f"{type(self).__name__}: says no folder that could be checked; name its path instead")

    def checked_options(self) -> dict[str, Any]:
        """How `check_captions` is to read it."""
        return {"max_tokens": self.max_tokens}

    def few(self, records: Sequence[CaptionRecord]) -> list[CaptionRecord]:
        return [replace(record, captions=record.captions[:1]) for record in records[: self.memorise]]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the training captions."""
        records = self.records["train"]
        reading = tracked(records, total=len(records), description="Counting words")
        return self.build_vocabulary(caption for record in reading for caption in record.captions)

    @cached_property
    def references(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """For each split, the captions of every picture by its name."""
        return {split: {record.id: record.captions for record in records} for split, records in self.records.items()}

    def loaded_records(self, split: str) -> Sequence[CaptionRecord]:
        """The records of a split for a loader, which reads them all."""
        return self.records[split]

    def model_sizes(self) -> dict[str, Any]:
        return {"vocabulary_size": len(self.vocabulary)}

    def held(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary.state(), "transform": self.image_transform.settings()}

    def task_parts(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "references": {name: self.references[name] for name in SEEN}}

    def summary(self) -> str:
        return f"{super().summary()}; vocabulary: {len(self.vocabulary)}"

    def prepare(self, model: nn.Module, *, cache: str | Path | None, device: torch.device) -> None:
        """The features of what is fixed in the encoder, where they are the same in every epoch; a frozen one's
        statistics.
        """
        encoder: Any = model.encoder
        fixed = encoder.fixed()
        if fixed is not None:
            fixed.to(device)
            if cache and self.cacheable:
                self.compute_features(fixed, cache)
        if encoder.frozen:
            model.standardise(self.sample_features(encoder))  # type: ignore[operator]  # a Module's method

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

    def sample_pictures(self) -> Tensor:
        records = self.records["train"]
        every = range(0, len(records), max(1, len(records) // SAMPLED))
        return stack_pictures([self.image_transform(records[index].image) for index in every])

    def dataset(self, split: str, *, training: bool) -> CaptionDataset:
        records = self.loaded_records(split)
        return CaptionDataset(
            records,
            self.vocabulary,
            TrainTransform(self.image_transform, self.augmentation if training else []),
            features=self.features.get(split),
            keep_pixels=self.num_workers in ("auto", 0) and len(records) * self._picture_bytes() <= KEEP_BYTES,
            max_tokens=self.max_tokens,
        )

    def in_memory(self, dataset: CaptionDataset) -> bool:
        return dataset.kept is not None or dataset.features is not None

    def batch_bytes(self, dataset: CaptionDataset, batch_size: int) -> int:
        return batch_size * self._picture_bytes()

    def _picture_bytes(self) -> int:
        return self.image_transform.channels * self.image_transform.size**2
