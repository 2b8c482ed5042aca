"""Attention that looks through a window: a few values read out of a map, where and as coarsely as a state asks for."""

from math import isqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.attention.filter_banks import WINDOW, Banks, filter_banks, take, window
from seqvision.attention.soft import Attention
from seqvision.autocast import in_float32
from seqvision.errors import UserError, expect_counts


class WindowAttention(Attention):
    """A vector of what a `size` x `size` grid of Gaussian filters reads of a square map and of where it lies, and the
    share of each place in it: (context, weights).

    The grid is DRAW's (Gregor et al., 2015, section 3.2, without its gain): a query moves it, and spreads it from a
    detail to all of the map, where it begins. So a network that sees a picture by this alone reads it by glimpses, one
    a step, and learns where to look from the words' own loss.

    UserError for what is no square map, a sentence say.
    """

    own_start = ("to_window",)  # the window begins with all of the map

    def __init__(self, query_size: int, value_size: int, *, size: int = 4):
        super().__init__(query_size, value_size)
        expect_counts(size=size)
        self.size = size
        self.to_window = nn.Linear(query_size, WINDOW)
        self.to_context = nn.Linear(value_size * size * size + WINDOW, value_size)
        nn.init.normal_(self.to_window.weight, std=0.01)
        nn.init.zeros_(self.to_window.bias)

    def keys(self, values: Float[Tensor, "batch places value"]) -> Float[Tensor, "batch places key"]:
        """The values: nothing is compared with a query."""
        return values

    def forward(
        self,
        query: Float[Tensor, "batch beams query"],
        keys: Float[Tensor, "batch places key"],
        values: Float[Tensor, "batch places value"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch beams value"], Float[Tensor, "batch beams places"]]:
        side = isqrt(values.shape[1])
        if lengths is not None or side * side != values.shape[1]:
            raise UserError("attention=window reads square maps of pictures; for sentences take additive or dot")
        batch, beams = query.shape[:2]
        parameters, banks = self._window(query.flatten(0, 1), side)
        maps = values.unflatten(1, (side, side)).permute(0, 3, 1, 2).repeat_interleave(beams, 0)
        seen = torch.cat([take(maps, banks).flatten(1), parameters], dim=1)
        weights = banks.rows.mean(dim=1).unsqueeze(2) * banks.columns.mean(dim=1).unsqueeze(1)
        context = torch.relu(self.to_context(seen))
        return context.unflatten(0, (batch, beams)), weights.flatten(1).unflatten(0, (batch, beams))

    @in_float32
    def _window(self, query: Float[Tensor, "batch query"], side: int) -> tuple[Float[Tensor, "batch 5"], Banks]:
        """The numbers that describe the window, and its filters."""
        parameters = self.to_window(query)
        where = window(parameters, size=self.size, height=side, width=side)
        return parameters, filter_banks(where, size=self.size, height=side, width=side)
