"""Augmentations of whole batches, each picture with a draw of its own, and how any augmentation is applied."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from seqvision.data.loading import seed_of
from seqvision.encoders.base import GREY


class BatchAugmentation(ABC):
    """Pictures to pictures of the same shape, a pure function of each picture and its seed."""

    @abstractmethod
    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]: ...


def augmented(
    pictures: UInt8[Tensor, "batch channels height width"],
    seeds: Sequence[int],
    augmentations: Sequence[Callable[..., Tensor]],
) -> UInt8[Tensor, "batch channels new_height new_width"]:
    """The pictures through each augmentation in turn, every picture with the draws of its own seed.

    What is no `BatchAugmentation` sees one picture (channels, height, width) at a time and may draw from torch's global
    generator, as torchvision's v2 transforms do: those would give all pictures of a batch the same draw.
    """
    for place, augmentation in enumerate(augmentations):
        drawn = [seed_of(seed, place) for seed in seeds]
        if isinstance(augmentation, BatchAugmentation):
            pictures = augmentation(pictures, drawn)
        else:
            each = zip(pictures, drawn, strict=True)
            pictures = stack_pictures([_seeded(augmentation, picture, seed) for picture, seed in each])
    return pictures


def augmented_sequence(
    frames: Float[Tensor, "time ..."] | UInt8[Tensor, "time channels height width"],
    seed: int,
    augmentations: Sequence[Callable[..., Tensor]],
) -> Tensor:
    """A sequence's frames through each augmentation in turn, all frames with the same draws."""
    for place, augmentation in enumerate(augmentations):
        drawn = seed_of(seed, place)
        if isinstance(augmentation, BatchAugmentation):
            frames = augmentation(frames, [drawn] * len(frames))
        else:
            frames = _seeded(augmentation, frames, drawn)
    return frames


def _seeded(augmentation: Callable[[Tensor], Tensor], pixels: Tensor, seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which reseeds the accelerators as well
        return augmentation(pixels)


def stack_pictures(pictures: Sequence[Tensor]) -> UInt8[Tensor, "batch channels height width"]:
    """The pictures in one tensor, which lies in memory as they do: for channels last, four times as fast as else."""
    if all(picture.stride(0) == 1 for picture in pictures):
        return torch.stack([picture.permute(1, 2, 0) for picture in pictures]).permute(0, 3, 1, 2)
    return torch.stack(list(pictures))


def _draws(number: int, seeds: Sequence[int]) -> Float[Tensor, "batch number"]:
    """Evenly drawn from −1 to 1."""
    return torch.stack([torch.rand(number, generator=torch.Generator().manual_seed(seed)) for seed in seeds]) * 2 - 1


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
        brightness, contrast, saturation, turn = (_draws(4, seeds) * self.amounts).unbind(1)
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


class PictureJitter(BatchAugmentation):
    """Each picture turned, enlarged or reduced, and moved by amounts drawn evenly.

    rotation: degrees at most, either way. scale: share of the size at most. shift: pixels at most. What comes in from
    outside is black.
    """

    def __init__(self, *, rotation: float | int = 8, scale: float | int = 0.08, shift: float | int = 1):
        self.rotation, self.scale, self.shift = rotation, scale, shift

    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]:
        height, width = images.shape[2:]
        turn, size, across, down = _draws(4, seeds).unbind(1)
        angle = torch.deg2rad(turn * self.rotation)
        cos, sin = angle.cos() / (1 + size * self.scale), angle.sin() / (1 + size * self.scale)
        # in a grid from -1 to 1 on either axis a turn must know the sides' ratio
        rows = torch.stack([cos, -sin * height / width, across * 2 * self.shift / width], dim=1)
        lower = torch.stack([sin * width / height, cos, down * 2 * self.shift / height], dim=1)
        grid = F.affine_grid(torch.stack([rows, lower], dim=1), list(images.shape), align_corners=False)
        moved = F.grid_sample(images.float(), grid, align_corners=False)
        return moved.round_().clamp_(0, 255).to(torch.uint8)


class FeatureNoise:
    """Features with normal noise of that deviation: where there are few sequences, each epoch sees other ones."""

    def __init__(self, deviation: float):
        self.deviation = deviation

    def __call__(self, frames: Float[Tensor, "time features"]) -> Float[Tensor, "time features"]:
        return frames + self.deviation * torch.randn(frames.shape)
