"""Whole pictures turned, moved and enlarged a little, a batch at a time."""

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor


class PictureJitter:
    """Pictures of one size, each turned, enlarged or reduced, and moved by amounts drawn evenly.

    rotation: degrees at most, either way. scale: share of the size at most. shift: pixels at most. What comes in from
    outside is black. Draws from torch's global generator.
    """

    def __init__(self, *, rotation: float | int = 8, scale: float | int = 0.08, shift: float | int = 1):
        self.rotation, self.scale, self.shift = rotation, scale, shift

    def __call__(
        self, pictures: UInt8[Tensor, "batch channels height width"]
    ) -> UInt8[Tensor, "batch channels height width"]:
        number, _, height, width = pictures.shape
        turn, size, across, down = (torch.rand(4, number) * 2 - 1).unbind(0)
        angle = torch.deg2rad(turn * self.rotation)
        cos, sin = angle.cos() / (1 + size * self.scale), angle.sin() / (1 + size * self.scale)
        # in a grid from -1 to 1 on either axis a turn must know the sides' ratio
        rows = torch.stack([cos, -sin * height / width, across * 2 * self.shift / width], dim=1)
        lower = torch.stack([sin * width / height, cos, down * 2 * self.shift / height], dim=1)
        grid = F.affine_grid(torch.stack([rows, lower], dim=1), list(pictures.shape), align_corners=False)
        moved = F.grid_sample(pictures.float(), grid, align_corners=False)
        return moved.round_().clamp_(0, 255).to(torch.uint8)
