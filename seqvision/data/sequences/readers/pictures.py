"""Pictures as sequences: read row by row, column by column, patch by patch or pixel by pixel; or whole, in one step."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seqvision.data.pictures import open_picture, read_image
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.records import Source
from seqvision.data.transforms import FITS, ImageTransform
from seqvision.errors import UserError

ORDERS = ("rows", "columns", "patches", "pixels", "whole")


@dataclass(frozen=True)
class PictureReader(FrameReader):
    """A picture (a file, or uint8 pixels of (height, width) or (height, width, channels)) as float32 in 0 … 1.

    order        "rows": (height, width * channels); "columns": (width, height * channels); "patches": squares of
                 `patch` pixels a side, from left to right and from top to bottom, (number, patch * patch * channels);
                 "pixels": (height * width, channels); "whole": the picture as one frame for a CNN, uint8
                 (1, channels, height, width)
    permutation  a seed: the places of the picture are mixed before it is read, in one way for all pictures
    size         pictures are resized to size x size by `fit` with borders of grey level `fill` (see `ImageTransform`);
                 None: taken at their own size, of which there must be only one among the training pictures
    grey         one channel, whatever the pictures have
    shape        (height, width, channels) of what is cut into steps; `fitted` sets it. A picture of another size, such
                 as a user's own file, is then brought to it as with `size`.
    """

    adjustable: ClassVar[frozenset[str]] = frozenset({"fit", "fill"})

    order: str = "rows"
    patch: int | None = None
    permutation: int | None = None
    size: int | None = None
    fit: str = "pad"
    fill: int = 255
    grey: bool = False
    shape: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise UserError(f"data.reader.order is '{self.order}', expected one of {', '.join(ORDERS)}")
        if self.fit not in FITS:
            raise UserError(f"data.reader.fit is '{self.fit}', expected one of {', '.join(FITS)}")
        if (self.order == "patches") != (self.patch is not None):
            needs = "needs data.reader.patch=PIXELS" if self.patch is None else "has no use for data.reader.patch"
            raise UserError(f"data.reader.order={self.order} {needs}")
        if self.shape is not None:
            self._check_patch(self.shape)

    def fitted(self, sources: Iterable[Source]) -> "PictureReader":
        """This reader with the shape of the training pictures. UserError where they are of several sizes."""
        if self.shape is not None:
            return self
        if self.size is not None:
            first = next(iter(sources))
            channels = 3 if isinstance(first, Path) else _channels(first)
            return replace(self, shape=(self.size, self.size, 1 if self.grey else channels))
        seen: dict[tuple[int, int, int], str] = {}
        for place, source in enumerate(sources):
            shape = _shape(source)
            seen.setdefault(shape, str(source) if isinstance(source, Path) else f"picture {place}")
            if len(seen) > 1:
                (one, here), (other, there) = seen.items()
                raise UserError(
                    f"pictures of several sizes: {here} is {_said(one)}, {there} is {_said(other)}. "
                    f"Bring them to one with data.reader.size={min(*one[:2], *other[:2])} (or another number)."
                )
        height, width, channels = next(iter(seen))
        return replace(self, shape=(height, width, 1 if self.grey else channels))

    def read(self, source: Source, start: int = 0, stop: int | None = None) -> Tensor:
        steps = self._cut(self.pixels(source))[start:stop]
        if self.order == "whole":
            return torch.from_numpy(np.array(steps))
        return torch.from_numpy(steps.astype(np.float32)).div_(255)

    def pixels(self, source: Source) -> np.ndarray:
        """The picture in the reader's shape, uint8 (height, width, channels), as it was before it is cut into steps."""
        shape = self._fitted_shape
        if isinstance(source, np.ndarray) and source.dtype == np.uint8:
            found = source[:, :, None] if source.ndim == 2 else source
            if found.shape == shape:
                return found
        picture = _picture(source)
        grey = shape[2] == 1
        if self.size is None and picture.size == (shape[1], shape[0]):
            pixels = np.asarray(picture.convert("L") if grey else picture)
            return pixels[:, :, None] if grey else pixels
        if shape[0] != shape[1]:
            raise UserError(
                f"{source if isinstance(source, Path) else 'a picture'}: {picture.size[0]} x {picture.size[1]} pixels, "
                f"expected {shape[1]} x {shape[0]} as in training. Resize it."
            )
        return ImageTransform(shape[0], fit=self.fit, grey=grey, fill=self.fill)(picture).permute(1, 2, 0).numpy()

    def length(self, source: Source) -> int:
        height, width, _ = self._fitted_shape
        if self.patch is not None:
            return (height // self.patch) * (width // self.patch)
        return {"rows": height, "columns": width, "pixels": height * width, "whole": 1}[self.order]

    @property
    def frame_shape(self) -> tuple[int, ...]:
        height, width, channels = self._fitted_shape
        if self.patch is not None:
            return (self.patch * self.patch * channels,)
        if self.order == "whole":
            return (channels, height, width)
        return ({"rows": width, "columns": height, "pixels": 1}[self.order] * channels,)

    def settings(self) -> dict[str, Any]:
        return {**asdict(self), "shape": list(self._fitted_shape)}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "PictureReader":
        height, width, channels = settings["shape"]
        return cls(**{**settings, "shape": (height, width, channels)})

    @property
    def _fitted_shape(self) -> tuple[int, int, int]:
        if self.shape is None:
            raise RuntimeError("this PictureReader knows no shape yet: call fitted(training pictures) first")
        return self.shape

    def _cut(self, pixels: np.ndarray) -> np.ndarray:
        """The steps of a picture, (time, …)."""
        height, width, channels = pixels.shape
        if self.permutation is not None:
            pixels = pixels.reshape(-1, channels)[self._places].reshape(height, width, channels)
        if self.order == "rows":
            return pixels.reshape(height, -1)
        if self.order == "whole":
            return pixels.transpose(2, 0, 1)[None]
        if self.order == "columns":
            return pixels.transpose(1, 0, 2).reshape(width, -1)
        if self.patch is None:
            return pixels.reshape(-1, channels)
        side = self.patch
        squares = pixels.reshape(height // side, side, width // side, side, channels).transpose(0, 2, 1, 3, 4)
        return squares.reshape(-1, side * side * channels)

    @cached_property
    def _places(self) -> np.ndarray:
        """Where each place of a mixed picture comes from."""
        height, width, _ = self._fitted_shape
        # the older generator: numpy promises that its numbers stay the same in every version
        return np.random.RandomState(self.permutation).permutation(height * width)

    def _check_patch(self, shape: tuple[int, int, int]) -> None:
        height, width, _ = shape
        if self.patch is not None and (self.patch < 1 or height % self.patch or width % self.patch):
            whole = [side for side in range(1, min(height, width) + 1) if not (height % side or width % side)]
            raise UserError(
                f"data.reader.patch={self.patch}: pictures of {width} x {height} pixels cannot be cut into such "
                f"squares. Take one of {', '.join(map(str, whole))}, or resize with data.reader.size."
            )


def _picture(source: Source) -> Image.Image:
    if isinstance(source, Path):
        return read_image(source)
    if not isinstance(source, np.ndarray) or source.dtype != np.uint8:
        found = f"an array of {source.dtype}" if isinstance(source, np.ndarray) else f"the text '{source}'"
        raise UserError(f"a picture was expected, found {found}. Give a picture's file, or an array of 8-bit pixels.")
    _channels(source)
    return Image.fromarray(source.squeeze(2) if source.ndim == 3 and source.shape[2] == 1 else source).convert("RGB")


def _shape(source: Source) -> tuple[int, int, int]:
    """(height, width, channels), of a file from its header alone where that can be had."""
    if isinstance(source, np.ndarray):
        return (*source.shape[:2], _channels(source))
    if not isinstance(source, Path):
        raise UserError(f"a picture was expected, found the text '{source}'. Give a picture's file.")
    try:
        with open_picture(source) as picture:
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = picture.size[::-1] if turned else picture.size
    except Exception:  # `read_image` says what is wrong with the file
        width, height = read_image(source).size
    return (height, width, 3)


def _channels(pixels: Source) -> int:
    if not isinstance(pixels, np.ndarray):
        raise UserError(f"a picture was expected, found the text '{pixels}'. Give a picture's file.")
    if pixels.ndim == 2:
        return 1
    if pixels.ndim == 3 and pixels.shape[2] in (1, 3):
        return pixels.shape[2]
    raise UserError(f"pixels of shape {pixels.shape}: expected (height, width), or (height, width, 1 or 3)")


def _said(shape: tuple[int, int, int]) -> str:
    return f"{shape[1]} x {shape[0]} pixels" + (" (grey)" if shape[2] == 1 else "")
