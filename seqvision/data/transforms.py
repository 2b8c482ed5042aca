"""Pictures to tensors of one size: one transform for evaluation and inference, its seeded augmentation for training."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from seqvision.data.augmentation import augmented
from seqvision.data.pictures import MAX_PIXELS, picture_bytes, read_image, upright_rgb
from seqvision.errors import UserError

FITS = ("pad", "crop", "stretch")


@dataclass(frozen=True)
class ImageTransform:
    """A picture as uint8 pixels (3, size, size), or (1, size, size) with `grey`.

    fit    "pad": the whole picture, centred, with borders of the grey level `fill`; "crop": the largest square in the
           middle; "stretch": the whole picture with its sides' ratio changed

    margin a JPEG given as a path is decoded at the smallest of its built-in scales that has this many times the
           pixels of a side that are needed; give paths rather than opened pictures wherever numbers shall agree to the
           last bit. 1 against 2: photographs of 640 pixels are read 1.5 times as fast at 128, twice as fast at 224,
           and differ by about 1 grey level of 255 on average (by 1.4 with bilinear in place of bicubic)

    Resized by Pillow's bicubic filter with antialiasing, so the same file gives the same numbers on every machine.
    (torchvision's kernel for one uint8 picture at a time was 1.2 to 1.4 times as fast all in all, with numbers that
    depend on the processor; pictures differ in size, so there are no whole batches to resize.)
    """

    size: int = 128
    fit: str = "pad"
    grey: bool = False
    fill: int = 255
    max_pixels: int = MAX_PIXELS
    margin: float = 1.0

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise UserError(f"image transform: fit is '{self.fit}', expected one of {', '.join(FITS)}")
        if self.size < 1:
            raise UserError(f"image transform: size is {self.size}, expected a number of pixels, 1 or more")
        if not 0 <= self.fill <= 255:
            raise UserError(
                f"image transform: fill is {self.fill}, expected a grey level from 0 (black) to 255 (white)"
            )

        if self.margin < 1:
            raise UserError(f"image transform: margin is {self.margin}, expected 1 or more: fewer pixels would blur")

    @property
    def channels(self) -> int:
        """1 for grey, else 3."""
        return 1 if self.grey else 3

    def __call__(self, picture: str | Path | BufferedIOBase | Image.Image) -> UInt8[Tensor, "channels size size"]:
        if isinstance(picture, Image.Image):
            picture = upright_rgb(picture)
        else:
            picture = read_image(
                picture, size=self.size, fit=self.fit, margin=float(self.margin), max_pixels=self.max_pixels
            )
        # channels last in memory, as decoders write them and encoders want them: nothing is moved on the way
        return torch.from_numpy(self._pixels(picture)).permute(2, 0, 1)

    def read_bytes(self, path: Path) -> bytes:
        """A picture's file as it is, for those who tell pictures apart by it."""
        return picture_bytes(path)

    def _pixels(self, picture: Image.Image) -> np.ndarray:
        """The upright RGB picture as (size, size, channels)."""
        if self.grey:
            picture = picture.convert("L")
        width, height = picture.size
        inner, box = (self.size, self.size), None
        if self.fit == "crop":
            side = min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            box = (left, top, left + side, top + side)
        elif self.fit == "pad":
            scale = self.size / max(width, height)
            inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        resized = np.asarray(picture.resize(inner, Image.Resampling.BICUBIC, box=box))
        pixels = np.full((self.size, self.size, self.channels), self.fill, dtype=np.uint8)
        left, top = (self.size - inner[0]) // 2, (self.size - inner[1]) // 2
        pixels[top : top + inner[1], left : left + inner[0]] = resized.reshape(inner[1], inner[0], self.channels)
        return pixels

    def settings(self) -> dict[str, Any]:
        """The arguments as plain data, for the checkpoint."""
        return asdict(self)

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "ImageTransform":
        """The transform whose `settings()` these were; those without a margin are of a time when it was 2."""
        known = [field.name for field in fields(cls)]
        strange = sorted(set(settings) - set(known))
        if strange:
            raise UserError(
                f"image transform: unknown setting {', '.join(strange)} (known: {', '.join(known)}). "
                "The file may come from a newer seqvision; upgrade it."
            )
        return cls(**{"margin": 2.0, **settings})

    def key(self) -> str:
        """A short name of what comes out, for caches: equal names, equal pixels."""
        return f"v2-{self.size}-{self.fit}-{'grey' if self.grey else 'rgb'}-{self.fill}-{self.margin:g}"


class TrainTransform:
    """The evaluation transform, then augmentations, drawn anew for each seed: a pure function of (picture, seed).

    `augmentations`: see `augmented`; they must keep the pictures' shape.
    """

    def __init__(self, transform: ImageTransform, augmentations: Sequence[Callable[..., Tensor]] = ()):
        self.transform = transform
        self.augmentations = list(augmentations)

    def __call__(
        self, picture: str | Path | BufferedIOBase | Image.Image, seed: int
    ) -> UInt8[Tensor, "channels size size"]:
        return self.augment(self.transform(picture)[None], [seed])[0]

    def augment(
        self, pixels: UInt8[Tensor, "batch channels size size"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels size size"]:
        """The augmented pictures, for pixels that the evaluation transform has made (and a cache has kept)."""
        changed = augmented(pixels, seeds, self.augmentations)
        if changed.shape != pixels.shape or changed.dtype != torch.uint8:
            raise UserError(
                f"augmentation: {tuple(pixels.shape[1:])} uint8 pixels became {tuple(changed.shape[1:])} "
                f"{str(changed.dtype).removeprefix('torch.')}. Use transforms that keep both, "
                f"e.g. RandomResizedCrop({self.transform.size}) or RandomCrop with padding."
            )
        return changed
