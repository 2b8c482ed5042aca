"""A picture whole, of its own size or of one size for all."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from seqvision.data.pictures import open_picture, read_image
from seqvision.data.sequences.records import SequenceRecord
from seqvision.data.transforms import FITS, ImageTransform
from seqvision.errors import UserError


class Cut(NamedTuple):
    """A part of a picture file: left, top, right and bottom in pixels; black where it reaches beyond."""

    file: Path
    box: tuple[int, int, int, int]


Picture = Path | np.ndarray | Cut  # or uint8 pixels (height, width) or (height, width, channels)


@dataclass(frozen=True)
class WholePictureReader:
    """A picture as uint8 (channels, height, width).

    size     resized to size x size by `fit`, with borders of the grey level `fill` (see `ImageTransform`); None: each
             keeps its own size, unless all training pictures have one, to which others are then brought
    longest  a picture that is not resized otherwise is made smaller until its longer side has that many pixels
    grey     one channel, whatever the pictures have
    invert   light and dark exchanged: for ink on paper, where the training pictures are white on black
    shape    (height, width, channels) of the training pictures, height and width None where these differ; `fitted`
             sets it
    """

    size: int | None = None
    longest: int | None = None
    fit: str = "pad"
    fill: int = 0
    grey: bool = False
    invert: bool = False
    shape: tuple[int | None, int | None, int] | None = None

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise UserError(f"data.reader.fit is '{self.fit}', expected one of {', '.join(FITS)}")
        for name in ("size", "longest"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"data.reader.{name} is {value}, expected a number of pixels, 1 or more, or null")

    @property
    def channels(self) -> int:
        """1 or 3."""
        if self.shape is None:
            raise RuntimeError("this WholePictureReader knows no shape yet: call fitted(training pictures) first")
        return self.shape[2]

    def fitted(self, pictures: Iterable[Picture]) -> "WholePictureReader":
        """This reader with the shape of the training pictures; one channel only if all have one. UserError, naming the
        file, where one cannot be read."""
        if self.shape is not None:
            return self
        shapes = {picture_shape(picture) for picture in pictures}
        channels = 1 if self.grey or all(shape[2] == 1 for shape in shapes) else 3
        if self.size is not None:
            return replace(self, shape=(self.size, self.size, channels))
        sides = {shape[:2] for shape in shapes}
        height, width = next(iter(sides)) if len(sides) == 1 and self.longest is None else (None, None)
        return replace(self, shape=(height, width, channels))

    def inverted(self, *, really: bool = True) -> "WholePictureReader":
        """This reader with light and dark exchanged; itself unless `really`."""
        return replace(self, invert=not self.invert) if really else self

    def __call__(self, picture: Picture) -> UInt8[Tensor, "channels height width"]:
        """The picture. UserError, naming the file, where it cannot be read."""
        channels = self.channels
        assert self.shape is not None
        as_it_is = self.size is None and not self.invert
        if isinstance(picture, np.ndarray) and as_it_is and picture_shape(picture) == self.shape:
            pixels = torch.from_numpy(picture)
            return pixels.unsqueeze(0) if picture.ndim == 2 else pixels.permute(2, 0, 1).contiguous()
        if isinstance(picture, np.ndarray):
            found = Image.fromarray(picture)
        else:
            found = read_image(picture.file).crop(picture.box) if isinstance(picture, Cut) else read_image(picture)
        pixels = self._resized(found.convert("L" if channels == 1 else "RGB"))
        return 255 - pixels if self.invert else pixels

    def _resized(self, picture: Image.Image) -> Tensor:
        assert self.shape is not None
        height, width, channels = self.shape
        fill = 255 - self.fill if self.invert else self.fill
        if height is not None and width is not None and picture.size != (width, height):
            if height == width:
                return ImageTransform(height, fit=self.fit, grey=channels == 1, fill=fill)(picture)
            picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        elif height is None and self.longest is not None and max(picture.size) > self.longest:
            picture.thumbnail((self.longest, self.longest), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(picture))
        return pixels.unsqueeze(0) if pixels.dim() == 2 else pixels.permute(2, 0, 1).contiguous()

    def settings(self) -> dict[str, Any]:
        """What a checkpoint keeps: plain data."""
        return {**asdict(self), "shape": list(self.shape) if self.shape else None}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "WholePictureReader":
        """The reader that had these settings."""
        height, width, channels = settings["shape"]
        return cls(**{**settings, "shape": (height, width, channels)})


def picture_shape(picture: Picture) -> tuple[int, int, int]:
    """Height and width of the picture as it is seen, and its channels, 1 or 3; of a file from its head alone.

    UserError, naming the file, where it cannot be read.
    """
    if isinstance(picture, np.ndarray):
        return (*picture.shape[:2], picture.shape[2] if picture.ndim == 3 else 1)
    file = picture.file if isinstance(picture, Cut) else picture
    try:
        with open_picture(file) as opened:
            width, height = opened.size[::-1] if _on_its_side(opened) else opened.size
            channels = 1 if opened.mode in ("1", "L", "I;16") else 3
    except Exception:  # Pillow raises whatever its parsing ran into; `read_image` says what is wrong with the file
        (width, height), channels = read_image(file).size, 3
    if isinstance(picture, Cut):
        left, top, right, bottom = picture.box
        width, height = right - left, bottom - top
    return height, width, channels


def _on_its_side(opened: Image.Image) -> bool:
    """Whether EXIF says that rows are columns."""
    if opened.format == "PNG" and "exif" not in opened.info:
        return False  # Pillow would decode all of it to look for more
    return opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)


def picture_of(record: SequenceRecord) -> Picture:
    """Where the record's picture is, or its pixels."""
    source = record.source
    assert not isinstance(source, str), f"{record.id}: a sentence, no picture"
    return source if record.box is None or isinstance(source, np.ndarray) else Cut(source, record.box)
