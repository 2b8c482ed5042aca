"""Augmentations of place and shape, a whole batch at once, for pictures of any size."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from seqvision.data.augmentation import BatchAugmentation, even_draws
from seqvision.errors import UserError

BORDERS = {"black": "zeros", "edge": "border", "mirror": "reflection"}


class PictureJitter(BatchAugmentation):
    """Each picture turned, enlarged or reduced, moved, stretched, sheared and bent by amounts drawn evenly.

    rotation: degrees at most, either way. scale: share of the size at most. shift: pixels at most, or a share of the
    sides if less than 1. stretch: how much wider, or higher, at most. shear: degrees at most. lens: how much further
    out, as a share, the middle of a side comes from than without the lens (bulging) or nearer (pinched) at most.
    border: what comes in from outside: "black", the "edge" again, or the picture's "mirror".
    """

    def __init__(
        self,
        *,
        rotation: float | int = 8,
        scale: float | int = 0.08,
        shift: float | int = 1,
        stretch: float | int = 0.0,
        shear: float | int = 0.0,
        lens: float | int = 0.0,
        border: str = "black",
    ):
        if border not in BORDERS:
            raise UserError(f"augmentation: border is '{border}', expected one of {', '.join(BORDERS)}")
        self.rotation, self.scale, self.shift = rotation, scale, shift
        self.stretch, self.shear, self.lens = stretch, shear, lens
        self.border = border

    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]:
        height, width = images.shape[2:]
        turn, size, across, down, stretch, shear, lens = even_draws(7, seeds).unbind(1)
        angle = torch.deg2rad(turn * self.rotation)
        larger = 1 + size * self.scale
        wider = (1 + self.stretch) ** stretch
        cos, sin, slant = angle.cos() / larger, angle.sin() / larger, torch.deg2rad(shear * self.shear).tan()
        right, below = (self.shift, self.shift) if self.shift >= 1 else (self.shift * width, self.shift * height)
        # in a grid from -1 to 1 on either axis a turn must know the sides' ratio
        rows = [cos / wider, (slant * cos - sin) * height / width, across * 2 * right / width]
        lower = [sin * width / height / wider, (slant * sin + cos), down * 2 * below / height]
        matrix = torch.stack([torch.stack(rows, dim=1), torch.stack(lower, dim=1)], dim=1)
        grid = _grid(matrix, height, width)
        if self.lens:
            bend = (lens * self.lens).view(-1, 1, 1, 1)
            grid = grid * (1 + bend * (grid.square().sum(dim=3, keepdim=True) - 1))
        return _sampled(images, grid, BORDERS[self.border])


class CropJitter(BatchAugmentation):
    """A part of each picture, enlarged to all of it: its area a share between two, its sides' ratio changed between two
    factors, anywhere (Szegedy et al., "Going deeper with convolutions", 2015, section 6).

    One side's scale alone, as Simonyan and Zisserman jitter it (a picture with its shorter side L in [256, 480], and
    224 x 224 of it), is `area` from (224/480)² = .22 to (224/256)² = .77 with `aspect` 1 to 1.
    """

    def __init__(self, *, area: Sequence[float | int] = (0.67, 1.0), aspect: Sequence[float | int] = (0.75, 4 / 3)):
        if not 0 < area[0] <= area[1] <= 1 or not 0 < aspect[0] <= aspect[1]:
            raise UserError(
                f"augmentation: area is {list(area)} and aspect {list(aspect)}; expected two shares up to 1 and two "
                "positive factors, from and to"
            )
        self.area, self.aspect = tuple(area), tuple(aspect)

    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]:
        size, shape, across, down = even_draws(4, seeds).unbind(1)
        area = self.area[0] + (size + 1) / 2 * (self.area[1] - self.area[0])
        low, high = (math.log(factor) for factor in self.aspect)
        ratio = torch.exp(low + (shape + 1) / 2 * (high - low)).sqrt()
        width, height = (area.sqrt() * ratio).clamp(max=1), (area.sqrt() / ratio).clamp(max=1)
        nothing = torch.zeros_like(width)
        rows = torch.stack([width, nothing, across * (1 - width)], dim=1)
        lower = torch.stack([nothing, height, down * (1 - height)], dim=1)
        grid = _grid(torch.stack([rows, lower], dim=1), *images.shape[2:])
        return _sampled(images, grid, "border")


class Mirror(BatchAugmentation):
    """Each picture mirrored, left for right, with this probability."""

    def __init__(self, probability: float | int = 0.5):
        self.probability = probability

    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]:
        drawn = (even_draws(1, seeds) + 1) / 2 < self.probability
        return torch.where(drawn[:, :, None, None], images.flip(3), images)


def _grid(matrix: Float[Tensor, "batch 2 3"], height: int, width: int) -> Float[Tensor, "batch height width 2"]:
    """`affine_grid` without aligned corners, by sums instead of a product with rows of three, a tenth of the time."""
    across = (2 * torch.arange(width) + 1) / width - 1
    down = (2 * torch.arange(height) + 1) / height - 1
    x, y, one = (part[:, :, None, None] for part in matrix.unbind(2))
    return (x * across + (y * down[:, None] + one)).movedim(1, 3)


def _sampled(images: Tensor, grid: Float[Tensor, "batch height width 2"], border: str) -> Tensor:
    moved = F.grid_sample(images.float(), grid, padding_mode=border, align_corners=False)
    return moved.round_().clamp_(0, 255).to(torch.uint8)
