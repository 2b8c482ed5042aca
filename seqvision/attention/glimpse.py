"""The glimpse sensor: small patches round a place, each scale seeing twice as far and half as sharp as the one before.

Source: the retina of Mnih, Heess, Graves and Kavukcuoglu, "Recurrent Models of Visual Attention" (2014), section 2.1.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from seqvision.autocast import in_float32
from seqvision.errors import expect_counts


class Scene(NamedTuple):
    """A batch of pictures made ready to be looked at, once for all looks.

    levels  the pictures at full size, then each `zoom` times smaller than the one before, float (batch, channels, …)
    sizes   height and width of each picture in pixels, float (batch, 2)
    """

    levels: tuple[Tensor, ...]
    sizes: Float[Tensor, "batch 2"]


class GlimpseSensor(nn.Module):
    """Patches (batch, scales, channels, size, size) round places in pictures of any size and shape.

    size: pixels a side of a patch. scales: how many patches, all round the same place; each one's pixels stand for
    squares `zoom` times as wide as those of the one before.

    A place is (x, y) from −1, the picture's left or upper edge, to 1, its right or lower one, whatever its shape; a
    patch is always square in pixels of the picture. Between pixels it is interpolated linearly. Outside a picture,
    which a patch at the edge or one larger than the picture sees too, there are zeros. Where the pictures of a batch
    differ in size, what pads them must be zeros.
    """

    def __init__(self, size: int = 8, *, scales: int = 1, zoom: int = 2):
        super().__init__()
        expect_counts(size=size, scales=scales, zoom=zoom)
        self.size, self.scales, self.zoom = size, scales, zoom
        self.register_buffer("offsets", torch.arange(size) - (size - 1) / 2, persistent=False)

    offsets: Tensor

    def scene(
        self,
        pictures: Float[Tensor, "batch channels height width"] | UInt8[Tensor, "batch channels height width"],
        sizes: Int[Tensor, "batch 2"] | None = None,
    ) -> Scene:
        """The pictures at every scale, uint8 as 0 … 1. sizes: height and width of each; None: they fill the batch."""
        height, width = pictures.shape[2:]
        if sizes is None:
            sizes = torch.tensor([[height, width]], device=pictures.device).expand(len(pictures), 2)
        levels = [as_unit(pictures)]
        for _ in range(1, self.scales):
            last = levels[-1]
            below, right = -last.shape[2] % self.zoom, -last.shape[3] % self.zoom
            levels.append(F.avg_pool2d(F.pad(last, (0, right, 0, below)), self.zoom))
        return Scene(tuple(levels), sizes.to(levels[0].dtype))

    @in_float32
    def forward(
        self, scene: Scene, places: Float[Tensor, "batch 2"]
    ) -> Float[Tensor, "batch scales channels size size"]:
        """What is seen of each picture at its place."""
        middles = (places + 1) / 2 * scene.sizes.flip(1)  # x, y in pixels from the left upper corner
        patches = []
        for number, level in enumerate(scene.levels):
            height, width = level.shape[2:]
            steps = middles.unsqueeze(2) / self.zoom**number + self.offsets  # (batch, 2, size), in this level's pixels
            across, down = 2 * steps[:, 0] / width - 1, 2 * steps[:, 1] / height - 1
            grid = torch.stack(torch.broadcast_tensors(across.unsqueeze(1), down.unsqueeze(2)), dim=-1)
            patches.append(F.grid_sample(level, grid, mode="bilinear", padding_mode="zeros", align_corners=False))
        return torch.stack(patches, dim=1)


def as_unit(pictures: Tensor) -> Tensor:
    """uint8 pixels as float32 from 0 to 1; floats as they are."""
    return pictures.float().div_(255) if pictures.dtype == torch.uint8 else pictures
