"""How DRAW sees a picture and how it paints: through a window that moves, or all at once.

A read or a write says how many numbers it wants of the decoder's output at each step (`numbers`), so that one
matrix can give the numbers of both.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.attention.filter_banks import WINDOW, Window, filter_banks, put, take, window
from seqvision.errors import expect_counts


class Read(nn.Module):
    """A vector of `output_size` numbers of the picture and of what is wrong with the canvas so far."""

    numbers: int
    output_size: int

    def forward(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        errors: Float[Tensor, "batch channels height width"],
        parameters: Float[Tensor, "batch parameters"],
    ) -> Float[Tensor, "batch vector"]:
        raise NotImplementedError


class Write(nn.Module):
    """What is added to the canvas at a step, and the window that it is painted in, if there is one."""

    numbers: int

    def forward(
        self, parameters: Float[Tensor, "batch parameters"]
    ) -> tuple[Float[Tensor, "batch channels height width"], Window | None]:
        raise NotImplementedError


class WholeRead(Read):
    """All pixels of both (equation 17)."""

    def __init__(self, *, channels: int, height: int, width: int):
        super().__init__()
        self.numbers = 0
        self.output_size = 2 * channels * height * width

    def forward(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        errors: Float[Tensor, "batch channels height width"],
        parameters: Float[Tensor, "batch parameters"],
    ) -> Float[Tensor, "batch vector"]:
        return torch.cat([pictures.flatten(1), errors.flatten(1)], dim=1)


class WindowRead(Read):
    """`size` x `size` filters over both, through the same window (equation 27)."""

    def __init__(self, size: int, *, channels: int, height: int, width: int):
        super().__init__()
        expect_counts(size=size)
        self.size, self.height, self.width = size, height, width
        self.numbers = WINDOW
        self.output_size = 2 * channels * size * size

    def forward(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        errors: Float[Tensor, "batch channels height width"],
        parameters: Float[Tensor, "batch parameters"],
    ) -> Float[Tensor, "batch vector"]:
        where = window(parameters, size=self.size, height=self.height, width=self.width)
        banks = filter_banks(where, size=self.size, height=self.height, width=self.width)
        seen = torch.cat([take(pictures, banks).flatten(1), take(errors, banks).flatten(1)], dim=1)
        return seen * where.gain.unsqueeze(1)


class WholeWrite(Write):
    """The decoder's numbers as they are, one a pixel (equation 18)."""

    def __init__(self, *, channels: int, height: int, width: int):
        super().__init__()
        self.shape = (channels, height, width)
        self.numbers = channels * height * width

    def forward(
        self, parameters: Float[Tensor, "batch parameters"]
    ) -> tuple[Float[Tensor, "batch channels height width"], Window | None]:
        return parameters.unflatten(1, self.shape), None


class WindowWrite(Write):
    """A patch of `size` x `size` numbers a channel, spread by filters (equations 28 and 29)."""

    def __init__(self, size: int, *, channels: int, height: int, width: int):
        super().__init__()
        expect_counts(size=size)
        self.size, self.channels, self.height, self.width = size, channels, height, width
        self.numbers = WINDOW + channels * size * size

    def forward(
        self, parameters: Float[Tensor, "batch parameters"]
    ) -> tuple[Float[Tensor, "batch channels height width"], Window | None]:
        place, patch = parameters.split([WINDOW, parameters.shape[1] - WINDOW], dim=1)
        where = window(place, size=self.size, height=self.height, width=self.width)
        banks = filter_banks(where, size=self.size, height=self.height, width=self.width)
        patch = patch / where.gain.unsqueeze(1)
        return put(patch.unflatten(1, (self.channels, self.size, self.size)), banks), where
