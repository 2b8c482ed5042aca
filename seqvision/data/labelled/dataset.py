"""Batches of whole pictures by number and seed: a pure function, so that any worker can make any."""

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.utils.data import Dataset

from seqvision.data.augmentation import augmented, stack_pictures
from seqvision.data.labelled.batches import PictureBatch, picture_batch
from seqvision.data.labelled.canvases import Canvases
from seqvision.data.labelled.reader import WholePictureReader, picture_of
from seqvision.data.labelled.symbols import Symbols
from seqvision.data.loading import Item
from seqvision.data.sequences.records import SequenceRecord

KEPT_BYTES = 1 << 30  # of a split's pixels stay in memory


class PictureDataset(Dataset[PictureBatch]):
    """Batches by a list of `Item(index, seed)`.

    training: canvases are drawn by the item's seed and not by its number.
    augmentation: see `augmented`; drawn by each item's seed.
    kept: pixels read before, by the record's place; filled as long as all of the split fit.
    """

    def __init__(
        self,
        records: Sequence[SequenceRecord],
        reader: WholePictureReader,
        symbols: Symbols,
        *,
        training: bool = False,
        augmentation: Sequence[Callable[..., Tensor]] = (),
        kept: dict[int, Tensor] | None = None,
    ):
        self.records, self.reader, self.symbols = records, reader, symbols
        self.canvases = records if isinstance(records, Canvases) and training else None
        self.augmentation = augmentation
        self.kept = kept

    def __len__(self) -> int:
        return len(self.records)

    def length(self, item: Item) -> int:
        """One picture is as long as another."""
        return 1

    def __getitems__(self, items: Sequence[Item]) -> PictureBatch:
        """The whole batch at once; torch's loader asks for it so."""
        if self.canvases is not None:
            records = [self.canvases.drawn(item.seed, id=f"canvas/{item.record:06}") for item in items]
        else:
            records = [self.records[item.record] for item in items]
        pictures = [self._pixels(item.record, record) for item, record in zip(items, records, strict=True)]
        names = [self.symbols.split(record.label) for record in records]
        encoded = [self.symbols.encode(each) if each else [] for each in names]
        if self.augmentation:
            pictures = self._augmented(pictures, [item.seed for item in items])
        return picture_batch([record.id for record in records], pictures, encoded)

    def _pixels(self, place: int, record: SequenceRecord) -> Tensor:
        if self.kept is not None and place in self.kept:
            return self.kept[place]
        pixels = self.reader(picture_of(record))
        if self.kept is not None and pixels.numel() * len(self.records) <= KEPT_BYTES:
            self.kept[place] = pixels
        return pixels

    def _augmented(self, pictures: list[Tensor], seeds: list[int]) -> list[Tensor]:
        if all(picture.shape == pictures[0].shape for picture in pictures):
            return list(augmented(stack_pictures(pictures), seeds, self.augmentation))
        each = zip(pictures, seeds, strict=True)
        return [augmented(picture[None], [seed], self.augmentation)[0] for picture, seed in each]
