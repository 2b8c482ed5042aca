"""One caption of each of some pictures, by number and seed: a pure function, so that any worker can make any batch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import Dataset

from seqvision.data.augmentation import stack_pictures
from seqvision.data.batches import CaptionBatch, caption_batch
from seqvision.data.loading import Item
from seqvision.data.records import CaptionRecord
from seqvision.data.transforms import TrainTransform
from seqvision.data.vocabulary import Vocabulary
from seqvision.data.workers import usable_cores
from seqvision.encoders.feature_table import FeatureTable


class CaptionDataset(Dataset[CaptionBatch]):
    """Batches by a list of `Item(index, seed)`: the records' pictures, and of each the caption that its seed picks.

    features: what an encoder made of each record's picture, in the order of the records, instead of the pictures.
    keep_pixels: decoded pictures stay in memory (before augmentation), so that only the first epoch reads files.
    max_tokens: longer captions are cut there.
    """

    def __init__(
        self,
        records: Sequence[CaptionRecord],
        vocabulary: Vocabulary,
        transform: TrainTransform,
        *,
        features: FeatureTable | None = None,
        keep_pixels: bool = False,
        max_tokens: int = 50,
    ):
        self.records = records
        self.vocabulary = vocabulary
        self.transform = transform
        self.features = features
        self.max_tokens = max_tokens
        self.kept = _Kept(len(records), transform.transform.size, transform.transform.channels) if keep_pixels else None
        # what lies in memory is encoded once; records that are read from disk, with the pictures
        self.tokens = [self._encode(record) for record in records] if isinstance(records, list) else None

    def __len__(self) -> int:
        return len(self.records)

    def length(self, item: Item) -> int:
        """The number of words in the caption that the item picks."""
        return len(self._caption(item, self.records[item.record]))

    def __getitems__(self, items: Sequence[Item]) -> CaptionBatch:
        """The whole batch at once; torch's loader asks for it so."""
        indices, seeds = zip(*items, strict=True)
        records = [self.records[index] for index in indices]
        images = features = None
        if self.features is not None:
            features = self.features.batch(indices)
        else:
            images = self.transform.augment(self._pictures(indices, records), seeds)
        captions = [self._caption(item, record) for item, record in zip(items, records, strict=True)]
        return caption_batch([record.id for record in records], captions, images=images, features=features)

    def _pictures(
        self, indices: Sequence[int], records: Sequence[CaptionRecord]
    ) -> UInt8[Tensor, "batch channels size size"]:
        if self.kept is None:
            return stack_pictures([self.transform.transform(record.image) for record in records])
        new = [(index, record) for index, record in zip(indices, records, strict=True) if not self.kept.has[index]]
        if new:
            # no workers here, who would each keep their own; decoders work without Python's lock
            with ThreadPoolExecutor(usable_cores()) as pool:
                pixels = pool.map(self.transform.transform, [record.image for _, record in new])
                for (index, _), picture in zip(new, pixels, strict=True):
                    self.kept.put(index, picture)
        return self.kept.take(indices)

    def _encode(self, record: CaptionRecord) -> list[list[int]]:
        return [self.vocabulary.encode(caption)[: self.max_tokens] for caption in record.captions]

    def _caption(self, item: Item, record: CaptionRecord) -> list[int]:
        if self.tokens is not None:
            captions = self.tokens[item.record]
            return captions[item.seed % len(captions)]
        return self.vocabulary.encode(record.captions[item.seed % len(record.captions)])[: self.max_tokens]


class _Kept:
    """Decoded pictures in one block of memory, which the system gives out as they come."""

    def __init__(self, count: int, size: int, channels: int):
        self.pixels = torch.empty((count, size, size, channels), dtype=torch.uint8)
        self.has = [False] * count

    def put(self, index: int, picture: UInt8[Tensor, "channels size size"]) -> None:
        self.pixels[index] = picture.permute(1, 2, 0)
        self.has[index] = True

    def take(self, indices: Sequence[int]) -> UInt8[Tensor, "batch channels size size"]:
        # not pixels[indices], which took seven times as long
        return self.pixels.index_select(0, torch.tensor(indices)).permute(0, 3, 1, 2)
