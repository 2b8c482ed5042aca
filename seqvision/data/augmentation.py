"""Augmentations of whole batches, each picture with a draw of its own."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from seqvision.encoders.base import GREY


class BatchAugmentation(ABC):
    """Pictures to pictures of the same shape, a pure function of each picture and its seed."""

    @abstractmethod
    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]: ...


class ColourJitter(BatchAugmentation):
    """Brightness, contrast, saturation and hue of each picture changed a little.

    The factors of brightness, contrast and saturation are drawn from 1 - x to 1 + x, the turn of the hue from -hue to
    hue (a part of the circle). The first three are torchvision's `ColorJitter` in this order, without its clipping
    between them; hue is turned around the axis of greys instead of in HSV. So all of it is one 3 x 3 matrix a picture,
    ten times as fast as `ColorJitter` on one picture after the other.
    """

    def __init__(
        self, brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0, hue: float = 0.0
    ) -> None:
        self.amounts = torch.tensor([brightness, contrast, saturation, 2 * math.pi * hue])

    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]:
        draws = torch.stack([torch.rand(4, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
        brightness, contrast, saturation, turn = ((2 * draws - 1) * self.amounts).unbind(1)
        return change_colours(images, 1 + brightness, 1 + contrast, 1 + saturation, turn)


def change_colours(
    images: UInt8[Tensor, "batch channels height width"],
    brightness: Float[Tensor, " batch"],
    contrast: Float[Tensor, " batch"],
    saturation: Float[Tensor, " batch"],
    turn: Float[Tensor, " batch"],
) -> UInt8[Tensor, "batch channels height width"]:
    """The pictures with these factors applied, and hue turned by an angle in radians; grey ones keep being grey."""
    # (batch, channels, places); channels may lie innermost in memory, which costs nothing below
    pixels = images.permute(0, 2, 3, 1).flatten(1, 2).float().transpose(1, 2)
    channels = pixels.shape[1]
    grey = torch.tensor(GREY if channels == 3 else (1.0,))
    mean = pixels.mean(dim=2) @ grey
    colours = torch.eye(channels).expand(len(pixels), -1, -1)
    if channels == 3:
        faded = torch.lerp(grey.expand(3, 3), colours, saturation.view(-1, 1, 1))
        cosine, sine = turn.cos().view(-1, 1, 1), turn.sin().view(-1, 1, 1) / math.sqrt(3)
        axis = torch.full((3, 3), 1 / 3)  # onto the greys, around which hues turn: from red to green to blue
        around = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
        colours = (cosine * torch.eye(3) + (1 - cosine) * axis + sine * around) @ faded
    matrix = (contrast * brightness).view(-1, 1, 1) * colours
    offset = ((1 - contrast) * brightness * mean).view(-1, 1, 1).expand(-1, channels, 1)
    return torch.baddbmm(offset, matrix, pixels).round_().clamp_(0, 255).to(torch.uint8).view(images.shape)


class FeatureNoise:
    """Features with normal noise of that deviation: where there are few sequences, each epoch sees other ones."""

    def __init__(self, deviation: float):
        self.deviation = deviation

    def __call__(self, frames: Float[Tensor, "time features"]) -> Float[Tensor, "time features"]:
        return frames + self.deviation * torch.randn(frames.shape)
