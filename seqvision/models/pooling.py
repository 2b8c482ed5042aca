"""One vector of a sequence's outputs. Padding, whatever it holds, counts for nothing."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.rnn.unroll import valid_steps


class Pooling(nn.Module):
    """Outputs (batch, time, size) and the lengths of the sequences to (batch, size)."""

    def __init__(self, input_size: int, *, directions: int = 1):
        super().__init__()
        self.input_size, self.directions = input_size, directions

    def forward(
        self, outputs: Float[Tensor, "batch time size"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch size"]:
        raise NotImplementedError


class LastPooling(Pooling):
    """What each direction put out last: the forward one at a sequence's end, the backward one at its beginning."""

    def forward(
        self, outputs: Float[Tensor, "batch time size"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch size"]:
        rows = torch.arange(len(outputs), device=outputs.device)
        last = outputs[rows, lengths.to(outputs.device) - 1]
        if self.directions == 1:
            return last
        half = self.input_size // 2
        return torch.cat([last[:, :half], outputs[:, 0, half:]], dim=-1)


class MeanPooling(Pooling):
    """The mean of the outputs."""

    def forward(
        self, outputs: Float[Tensor, "batch time size"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch size"]:
        valid = valid_steps(lengths.to(outputs.device), outputs.shape[1])
        return outputs.masked_fill(~valid.unsqueeze(-1), 0.0).sum(dim=1) / lengths.to(outputs.device).unsqueeze(1)


class MaxPooling(Pooling):
    """The largest output of each unit."""

    def forward(
        self, outputs: Float[Tensor, "batch time size"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch size"]:
        return outputs.masked_fill(
            ~valid_steps(lengths.to(outputs.device), outputs.shape[1]).unsqueeze(-1), -torch.inf
        ).amax(dim=1)


class AttentionPooling(Pooling):
    """The outputs' mean weighted by softmax(v tanh(W h_t)) (Yang et al., 2016, equations 5 to 7)."""

    def __init__(self, input_size: int, *, directions: int = 1, size: int = 128):
        super().__init__(input_size, directions=directions)
        self.score = nn.Sequential(nn.Linear(input_size, size), nn.Tanh(), nn.Linear(size, 1, bias=False))

    def forward(
        self, outputs: Float[Tensor, "batch time size"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch size"]:
        valid = valid_steps(lengths.to(outputs.device), outputs.shape[1]).unsqueeze(-1)
        outputs = outputs.masked_fill(~valid, 0.0)
        weights = self.score(outputs).masked_fill(~valid, -torch.inf).softmax(dim=1)
        return (weights * outputs).sum(dim=1)
