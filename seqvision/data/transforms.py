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

from seqvision.data.pictures import MAX_PIXELS, read_image, upright_rgb
from seqvision.errors import UserError

FITS = ("pad", "crop", "stretch")


@dataclass(frozen=True)
class ImageTransform:
    """A picture as uint8 pixels (3, size, size), or (1, size, size) with `grey`.

    fit    "pad": the whole picture, centred, with borders of the grey level `fill`; "crop": the largest square in the
           middle; "stretch": the whole picture with its sides' ratio changed

    Resized by Pillow's bicubic filter with antialiasing, so the same file gives the same numbers on every machine.
    A JPEG given as a path is decoded at reduced scale where that suffices; give paths rather than opened pictures
    wherever numbers shall agree to the last bit.
    """

    size: int = 128
    fit: str = "pad"
    grey: bool = False
    fill: int = 255
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise UserError(f"image transform: fit is '{self.fit}', expected one of {', '.join(FITS)}")
        if self.size < 1:
            raise UserError(f"image transform: size is {self.size}, expected a number of pixels, 1 or more")
        if not 0 <= self.fill <= 255:
            raise UserError(
                f"image transform: fill is {self.fill}, expected a grey level from 0 (black) to 255 (white)"
            )

    @property
    def channels(self) -> int:
        """1 for grey, else 3."""
        return 1 if self.grey else 3

    def __call__(self, picture: str | Path | BufferedIOBase | Image.Image) -> UInt8[Tensor, "channels size size"]:
        if not isinstance(picture, Image.Image):
            picture = read_image(picture, size=self.size, fit=self.fit, max_pixels=self.max_pixels)
        pixels = np.array(self.fitted(picture))  # a copy: Pillow's own memory is read-only
        tensor = torch.from_numpy(pixels)
        return tensor[None] if self.grey else tensor.permute(2, 0, 1).contiguous()

    def fitted(self, picture: Image.Image) -> Image.Image:
        """The picture at size x size, still as a picture (RGB, or L with `grey`)."""
        picture = upright_rgb(picture)
        if self.grey:
            picture = picture.convert("L")
        width, height = picture.size
        square = (self.size, self.size)
        if self.fit == "stretch":
            return picture.resize(square, Image.Resampling.BICUBIC)
        if self.fit == "crop":
            side = min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            return picture.resize(square, Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
        scale = self.size / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        canvas = Image.new(picture.mode, square, self.fill if self.grey else (self.fill,) * 3)
        corner = ((self.size - inner[0]) // 2, (self.size - inner[1]) // 2)
        canvas.paste(picture.resize(inner, Image.Resampling.BICUBIC), corner)
        return canvas

    def settings(self) -> dict[str, Any]:
        """The arguments as plain data, for the checkpoint."""
        return asdict(self)

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "ImageTransform":
        """The transform whose `settings()` these were."""
        known = [field.name for field in fields(cls)]
        strange = sorted(set(settings) - set(known))
        if strange:
            raise UserError(
                f"image transform: unknown setting {', '.join(strange)} (known: {', '.join(known)}). "
                "The file may come from a newer seqvision; upgrade it."
            )
        return cls(**settings)

    def key(self) -> str:
        """A short name of what comes out, for caches: equal names, equal pixels."""
        return f"v1-{self.size}-{self.fit}-{'grey' if self.grey else 'rgb'}-{self.fill}"


class TrainTransform:
    """The evaluation transform, then augmentations, drawn anew for each seed: a pure function of (picture, seed).

    `augmentations` map a uint8 tensor (channels, size, size) to another of the same shape: torchvision's v2 transforms
    and whatever else draws from torch's global generator, which is set for the call and put back afterwards.
    """

    def __init__(self, transform: ImageTransform, augmentations: Sequence[Callable[[Tensor], Tensor]] = ()):
        self.transform = transform
        self.augmentations = list(augmentations)

    def __call__(
        self, picture: str | Path | BufferedIOBase | Image.Image, seed: int
    ) -> UInt8[Tensor, "channels size size"]:
        return self.augment(self.transform(picture), seed)

    def augment(self, pixels: UInt8[Tensor, "channels size size"], seed: int) -> UInt8[Tensor, "channels size size"]:
        """The augmented picture, for pixels that the evaluation transform has made (and a cache has kept)."""
        if not self.augmentations:
            return pixels
        augmented = pixels
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which reseeds the accelerators as well
            for augmentation in self.augmentations:
                augmented = augmentation(augmented)
        if augmented.shape != pixels.shape or augmented.dtype != torch.uint8:
            raise UserError(
                f"augmentation: {tuple(pixels.shape)} uint8 pixels became {tuple(augmented.shape)} "
                f"{str(augmented.dtype).removeprefix('torch.')}. Use transforms that keep both, "
                f"e.g. RandomResizedCrop({self.transform.size}) or RandomCrop with padding."
            )
        return augmented
