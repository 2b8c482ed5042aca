"""Attention over the places of a map: where to look, given the state of a recurrent network."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Attention(nn.Module):
    """What a query sees of a map, as wide as a place's value, and each place's weight in it: (context, weights).

    `keys` is the picture's share, computed once a picture and shared by all steps and beams; a query may have any
    number of beams. lengths: how many of the first places count, where pictures (or sentences) have different numbers
    of them; the others have weight zero exactly.
    """

    def __init__(self, query_size: int, value_size: int):
        super().__init__()
        self.query_size = query_size
        self.value_size = value_size

    def keys(self, values: Float[Tensor, "batch places value"]) -> Float[Tensor, "batch places key"]:
        """The picture's share of every step."""
        raise NotImplementedError

    def forward(
        self,
        query: Float[Tensor, "batch beams query"],
        keys: Float[Tensor, "batch places key"],
        values: Float[Tensor, "batch places value"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch beams value"], Float[Tensor, "batch beams places"]]:
        raise NotImplementedError


class SoftAttention(Attention):
    """The weighted mean of a map's places, by score and softmax. A subclass defines the score."""

    def __init__(self, query_size: int, value_size: int, *, size: int = 256):
        super().__init__(query_size, value_size)
        self.to_key = nn.Linear(value_size, size)
        self.to_query = nn.Linear(query_size, size)

    def keys(self, values: Float[Tensor, "batch places value"]) -> Float[Tensor, "batch places key"]:
        return self.to_key(values)

    def scores(
        self, query: Float[Tensor, "batch beams key"], keys: Float[Tensor, "batch places key"]
    ) -> Float[Tensor, "batch beams places"]:
        """How well each place fits each projected query."""
        raise NotImplementedError

    def forward(
        self,
        query: Float[Tensor, "batch beams query"],
        keys: Float[Tensor, "batch places key"],
        values: Float[Tensor, "batch places value"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch beams value"], Float[Tensor, "batch beams places"]]:
        scores = self.scores(self.to_query(query), keys)
        if lengths is None:
            weights = scores.softmax(dim=-1)
        else:
            beyond = (torch.arange(keys.shape[1], device=keys.device) >= lengths.unsqueeze(1)).unsqueeze(1)
            # the least number rather than minus infinity, whose softmax is NaN where no place counts at all
            weights = scores.masked_fill(beyond, torch.finfo(scores.dtype).min).softmax(dim=-1).masked_fill(beyond, 0.0)
        return torch.bmm(weights, values), weights


class AdditiveAttention(SoftAttention):
    """score = vᵀ tanh(W_k k + W_q q) (Bahdanau, Cho and Bengio, 2015, appendix A.1.2; Xu et al., 2015)."""

    def __init__(self, query_size: int, value_size: int, *, size: int = 256):
        super().__init__(query_size, value_size, size=size)
        self.score = nn.Linear(size, 1, bias=False)

    def scores(
        self, query: Float[Tensor, "batch beams key"], keys: Float[Tensor, "batch places key"]
    ) -> Float[Tensor, "batch beams places"]:
        return self.score(torch.tanh(query.unsqueeze(2) + keys.unsqueeze(1))).squeeze(-1)


class DotAttention(SoftAttention):
    """score = (W_k k)ᵀ (W_q q) / √size (Luong, Pham and Manning, 2015, scaled): one product for all places."""

    def scores(
        self, query: Float[Tensor, "batch beams key"], keys: Float[Tensor, "batch places key"]
    ) -> Float[Tensor, "batch beams places"]:
        return torch.bmm(query, keys.transpose(1, 2)) * query.shape[-1] ** -0.5
