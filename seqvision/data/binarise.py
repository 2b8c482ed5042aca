"""Pictures of zeros and ones from grey levels, and random numbers that belong to a picture, not to a batch."""

import zlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from seqvision.errors import UserError

Binarise: TypeAlias = Literal["sampled", "threshold", "none"]
KINDS = ("sampled", "threshold", "none")


def binarised(
    images: UInt8[Tensor, "batch channels height width"], how: str, *, ids: Sequence[str] | None = None
) -> Float[Tensor, "batch channels height width"]:
    """The pictures as floats from 0 to 1, made zeros and ones in some way.

    how: "sampled": each pixel is 1 with the probability that its grey level is (Salakhutdinov and Murray, 2008);
    "threshold": 1 from half the range on; "none": the grey levels. ids: the pictures' names, which then fix what is
    drawn: the same zeros and ones at every evaluation, whatever the batches. Else it is drawn anew.
    """
    levels = images.float().div_(255)
    if how == "none":
        return levels
    if how == "threshold":
        return (levels >= 0.5).float()
    if how != "sampled":
        raise UserError(f"task.binarise is '{how}', expected one of {', '.join(KINDS)}")
    if ids is None:
        return torch.bernoulli(levels)
    uniform = torch.stack([torch.rand(levels.shape[1:], generator=own_generator(name)) for name in ids])
    return (uniform.to(levels.device) < levels).float()


def own_noise(ids: Sequence[str], *shape: int, seed: int = 0) -> Float[Tensor, "batch ..."]:
    """Standard normal numbers of that shape for each name, the same ones always."""
    return torch.stack([torch.randn(shape, generator=own_generator(name, seed + 1)) for name in ids])


def own_generator(name: str, seed: int = 0) -> torch.Generator:
    """A generator seeded by a picture's name."""
    return torch.Generator().manual_seed(zlib.crc32(f"{seed}/{name}".encode()))
