"""DropConnect: connections, and not units, that are absent from one training step."""

from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class DropConnect(nn.Linear):
    """A linear layer whose weights are each left out of a training pass with probability `p`, the others made 1/(1 − p)
    times as large (Wan, Zeiler, Zhang, LeCun and Fergus, "Regularization of Neural Networks using DropConnect", 2013;
    of a recurrence's own matrix: Merity, Keskar and Socher, 2018, section 2).

    What is left out is drawn by `redraw` and stays so until it is called again, so that all steps of an unrolled
    network share it; without a call before the first pass it is drawn then. All weights count in evaluation.
    """

    def __init__(self, in_features: int, out_features: int, *, p: float | int = 0.5, bias: bool = True):
        super().__init__(in_features, out_features, bias)
        self.p = p
        self._left: Tensor | None = None

    @classmethod
    def of(cls, linear: nn.Linear, p: float | int) -> "DropConnect":
        """A layer with that one's weights."""
        made = cls(linear.in_features, linear.out_features, p=p, bias=linear.bias is not None)
        made.weight, made.bias = linear.weight, linear.bias
        return made

    def redraw(self) -> None:
        """Draws what the next passes leave out."""
        self._left = None

    @property
    def matrix(self) -> Float[Tensor, "outputs inputs"]:
        """The weights that count now."""
        if not (self.training and self.p):
            return self.weight
        if self._left is None or self._left.device != self.weight.device:
            self._left = F.dropout(self.weight, self.p)
        return self._left

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        return F.linear(x, self.matrix, self.bias)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_left": None}  # it belongs to a pass, and cannot be copied with its graph


def matrix(linear: nn.Linear) -> Float[Tensor, "outputs inputs"]:
    """The weights of a linear layer that count now."""
    return linear.matrix if isinstance(linear, DropConnect) else linear.weight
