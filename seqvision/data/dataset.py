"""One caption of one picture, by number and seed: a pure function, so that any worker of any process can make it."""

from collections.abc import Sequence

from torch import Tensor
from torch.utils.data import Dataset

from seqvision.data.batches import CaptionSample
from seqvision.data.loading import Item
from seqvision.data.records import CaptionRecord
from seqvision.data.transforms import TrainTransform
from seqvision.data.vocabulary import Vocabulary
from seqvision.encoders.feature_table import FeatureTable


class CaptionDataset(Dataset[CaptionSample]):
    """Samples by `Item(index, seed)`: the record's picture, and the caption that the seed picks among its captions.

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
        self.transform = transform
        self.features = features
        self.kept: dict[int, Tensor] | None = {} if keep_pixels else None
        self.tokens = [[vocabulary.encode(caption)[:max_tokens] for caption in r.captions] for r in records]

    def __len__(self) -> int:
        return len(self.records)

    def length(self, item: Item) -> int:
        """The number of words in the caption that the item picks."""
        captions = self.tokens[item.record]
        return len(captions[item.seed % len(captions)])

    def __getitem__(self, item: Item) -> CaptionSample:
        index, seed = item
        captions = self.tokens[index]
        return CaptionSample(
            id=self.records[index].id,
            tokens=captions[seed % len(captions)],
            image=None if self.features is not None else self._picture(index, seed),
            features=None if self.features is None else self.features[index],
        )

    def _picture(self, index: int, seed: int) -> Tensor:
        pixels = self.kept.get(index) if self.kept is not None else None
        if pixels is None:
            pixels = self.transform.transform(self.records[index].image)
            if self.kept is not None:
                self.kept[index] = pixels
        return self.transform.augment(pixels, seed)
