"""Pooling by less than two: maps become smaller in more and gentler steps, at regions that are drawn."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.errors import UserError


class FractionalMaxPool(nn.Module):
    """The largest of each of a grid of overlapping 2 x 2 regions, which stand `ratio` apart on average, 1 or 2 pixels
    each time, in an order that is drawn for every picture of a training batch, the same for all of its channels
    (Graham, 2014, Fractional Max-Pooling, section 2: pseudo-random, overlapping).

    Where a side cannot be covered by as many regions of 2 pixels (9 pixels by 4, with a ratio of 2), its regions have
    3: every pixel is in one. The paper's regions, [a_{i-1}, a_i], end with the first pixel of the next one and so have
    2 or 3; torch's operator, which this is, has one size for all regions of a side, so that two that stand 2 apart
    touch and do not overlap. Regions of two sizes, by indexing, take 2.7 times as long (28 x 28 pixels, 32 channels).

    In evaluation the regions are always the same (u = 1/2), so that a picture's features are one thing; torch's own
    layer draws there too. Several passes in training mode, averaged, are the paper's way to test.
    """

    def __init__(self, ratio: float | int = 2**0.5):
        super().__init__()
        if not 1 < ratio <= 2:
            raise UserError(f"fractional pooling: a ratio of {ratio}; expected one above 1, at most 2, such as 1.41")
        self.ratio = ratio

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels rows columns"]:
        size = [int(side / self.ratio) for side in x.shape[-2:]]
        region = [max(2, -(-side // max(1, number))) for side, number in zip(x.shape[-2:], size, strict=True)]
        places = x.new_full((len(x), 1, 2), 0.5)
        if self.training:
            places = torch.rand_like(places)
        return F.fractional_max_pool2d(x, region, output_size=size, _random_samples=places.expand(-1, x.shape[1], -1))

    def extra_repr(self) -> str:
        return f"ratio={self.ratio}"
