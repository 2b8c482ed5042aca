"""DRAW's attention: a grid of Gaussian filters that reads a patch out of a picture, or writes one into it.

Source: Gregor, Danihelka, Graves, Rezende and Wierstra, "DRAW: A Recurrent Neural Network for Image Generation"
(2015), section 3.2, equations 19 to 29.
"""

import functools
import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from seqvision.autocast import in_float32
from seqvision.devices import to_device

WINDOW = 5  # numbers that describe a window: centre across and down, log variance, log stride, log gain


class Window(NamedTuple):
    """Where the grid of filters lies on a picture, in pixels, the middle of the first pixel being 0.

    across, down  the grid's centre
    stride        from one filter to the next
    deviation     a filter's standard deviation
    gain          what a patch is multiplied by when it is read, and divided by when it is written
    """

    across: Float[Tensor, "*batch"]
    down: Float[Tensor, "*batch"]
    stride: Float[Tensor, "*batch"]
    deviation: Float[Tensor, "*batch"]
    gain: Float[Tensor, "*batch"]


class Banks(NamedTuple):
    """A row a filter, over the picture's rows and over its columns; every row sums to one."""

    rows: Float[Tensor, "batch size height"]
    columns: Float[Tensor, "batch size width"]


@in_float32
def window(parameters: Float[Tensor, "*batch 5"], *, size: int, height: int, width: int) -> Window:
    """The window of `size` x `size` filters that a linear layer's outputs mean (equations 21 to 24).

    Zeros mean a window over the whole of the picture's longer side, in the middle.
    """
    centre, logarithms = parameters.split([2, 3], dim=-1)
    first, half, shift, shrink = _constants(size, height, width, parameters.dtype, parameters.device)
    across, down = torch.addcmul(first, centre, half).unbind(-1)
    deviation, stride, gain = torch.addcmul(shift, logarithms, shrink).exp().unbind(-1)
    return Window(across, down, stride, deviation, gain)


@functools.lru_cache(maxsize=64)
def _constants(size: int, height: int, width: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """What the outputs for the centre are added to and multiplied by, and those for the logarithms. Kept: made at each
    step they would be as many copies to the device.
    """
    widest = (max(height, width) - 1) / max(size - 1, 1)  # one filter has no neighbour to keep a distance from
    with torch.inference_mode(False):  # what is made in a validation serves the next training step
        half = torch.tensor([(width + 1) / 2, (height + 1) / 2], dtype=dtype)
        shift = torch.tensor([0.0, math.log(max(widest, 1e-6)), 0.0], dtype=dtype)
        shrink = torch.tensor([0.5, 1.0, 1.0], dtype=dtype)
        # the paper's pixels begin at 1
        return tuple(to_device(each, device) for each in (half - 1, half, shift, shrink))


@in_float32
def filter_banks(window: Window, *, size: int, height: int, width: int) -> Banks:
    """The window's filters along both sides (equations 19, 20, 25 and 26)."""
    offsets = torch.arange(size, device=window.stride.device, dtype=window.stride.dtype) - (size - 1) / 2
    spacing = window.stride.unsqueeze(-1) * offsets
    narrow = (0.5**0.5 / window.deviation)[..., None, None]
    return Banks(
        _gaussians(window.down.unsqueeze(-1) + spacing, narrow, height),
        _gaussians(window.across.unsqueeze(-1) + spacing, narrow, width),
    )


def _gaussians(
    means: Float[Tensor, "batch size"], narrow: Float[Tensor, "batch 1 1"], side: int
) -> Float[Tensor, "batch size side"]:
    """exp(−((a − mean) narrow)²) over the pixels a of a side, divided by its sum.

    As a softmax, which subtracts the largest exponent first: the sum of a narrow filter between two pixels, or of one
    far outside the picture, would be 0. Nothing is less than e⁻³⁰ of the largest: the denormal numbers that far pixels
    would get make every product with them ten times slower.
    """
    pixels = torch.arange(side, device=means.device, dtype=means.dtype)
    exponents = ((pixels - means.unsqueeze(-1)) * narrow).square().neg()
    return exponents.clamp(min=exponents.detach().amax(dim=-1, keepdim=True) - 30.0).softmax(dim=-1)


@in_float32
def take(
    pictures: Float[Tensor, "batch channels height width"], banks: Banks
) -> Float[Tensor, "batch channels size size"]:
    """The patches F_rows · picture · F_columnsᵀ, all channels through the same window (equation 27 without gain)."""
    batch, channels, height, _ = pictures.shape
    size = banks.rows.shape[1]
    # columns first: the picture is then read where it lies, and only what is left of it is moved
    thin = torch.bmm(pictures.reshape(batch, channels * height, -1), banks.columns.mT)
    if channels == 1:
        return torch.bmm(banks.rows, thin).unsqueeze(1)
    thin = thin.reshape(batch, channels, height, size).transpose(1, 2).reshape(batch, height, channels * size)
    return torch.bmm(banks.rows, thin).reshape(batch, size, channels, size).transpose(1, 2)


@in_float32
def put(
    patches: Float[Tensor, "batch channels size size"], banks: Banks
) -> Float[Tensor, "batch channels height width"]:
    """The pictures F_rowsᵀ · patch · F_columns: the transpose of `take` (equation 29 without its gain)."""
    batch, channels, size, _ = patches.shape
    height, width = banks.rows.shape[2], banks.columns.shape[2]
    thin = torch.bmm(banks.rows.mT, patches.transpose(1, 2).reshape(batch, size, channels * size))
    if channels > 1:
        thin = thin.reshape(batch, height, channels, size).transpose(1, 2).reshape(batch, channels * height, size)
    return torch.bmm(thin, banks.columns).reshape(batch, channels, height, width)


def read(
    pictures: Float[Tensor, "batch channels height width"], window: Window, *, size: int
) -> Float[Tensor, "batch channels size size"]:
    """What the window shows of the pictures, times its gain (equation 27)."""
    banks = filter_banks(window, size=size, height=pictures.shape[2], width=pictures.shape[3])
    return take(pictures, banks) * window.gain[:, None, None, None]


def write(
    patches: Float[Tensor, "batch channels size size"], window: Window, *, height: int, width: int
) -> Float[Tensor, "batch channels height width"]:
    """Pictures with the patches where the window lies, divided by its gain (equations 28 and 29)."""
    banks = filter_banks(window, size=patches.shape[-1], height=height, width=width)
    return put(patches / window.gain[:, None, None, None], banks)
