"""Average pooling to a given size, in products and sums alone."""

import torch
from jaxtyping import Float
from torch import Tensor

from seqvision.autocast import in_float32


def average_pool(
    maps: Float[Tensor, "batch channels height width"], height: int, width: int
) -> Float[Tensor, "batch channels height2 width2"]:
    """The mean of each cell of a height x width division, as torch's `adaptive_avg_pool2d`.

    That one's backward pass adds in no fixed order on CUDA, and Apple's MPS refuses sizes that do not divide. Where
    they do not, neighbouring cells overlap (from ⌊i·H/h⌋ to ⌈(i + 1)·H/h⌉), and the means are two matrix products.
    """
    if maps.shape[2] % height == 0 and maps.shape[3] % width == 0:
        return maps.unflatten(3, (width, -1)).unflatten(2, (height, -1)).mean(dim=(3, 5))
    return _products(maps, height, width).to(maps.dtype)


@in_float32
def _products(
    maps: Float[Tensor, "batch channels height width"], height: int, width: int
) -> Float[Tensor, "batch channels height2 width2"]:
    return _shares(maps, 2, height) @ maps @ _shares(maps, 3, width).mT


def _shares(maps: Tensor, dim: int, cells: int) -> Float[Tensor, "cells side"]:
    """What each position of a side contributes to each cell's mean."""
    side = maps.shape[dim]
    cell, position = torch.arange(cells, device=maps.device).unsqueeze(1), torch.arange(side, device=maps.device)
    inside = (position >= cell * side // cells) & (position < ((cell + 1) * side + cells - 1) // cells)
    return inside.to(maps.dtype) / inside.sum(dim=1, keepdim=True)
