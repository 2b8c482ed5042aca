"""What the recurrences over all steps share: what one kind of cell has to say, and the gradients of its parts."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from seqvision.rnn.cells import Cell

_backward_of_norm: Any = torch.ops.aten.native_layer_norm_backward.default


class Steps:
    """One kind of cell over all its steps, time first, on tensors of its own that it may overwrite."""

    def __init__(self, cell: Cell):
        self.cell = cell

    def prepared(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The inputs' share of all steps (batch, time, gates), and the weights of both passes."""
        raise NotImplementedError

    def forward(self, sums: Tensor, states: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        """Writes the steps' results into the states, (time + 1, batch, hidden) each, of which only the first moment is
        given, and returns what the backward pass needs besides. sums: the inputs' share, (time, batch, gates).
        """
        raise NotImplementedError

    def backward(
        self, gradients: list[Tensor], states: list[Tensor], weights: list[Tensor], kept: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The gradients of the inputs' share and of the weights; adds to those of the states what the steps say."""
        raise NotImplementedError


def backwards(*tensors: Tensor) -> Iterator[tuple[Any, ...]]:
    """The tensors' entries from the last step to the first."""
    return zip(*(each.unbind(0)[::-1] for each in tensors), strict=True)


def product(d_sums: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of the weights that took the inputs of all steps to the sums."""
    return d_sums.flatten(0, 1).t() @ inputs.flatten(0, 1)


def norm_input(d_out: Tensor, norm: list[Tensor], gain: Tensor, bias: Tensor | None) -> Tensor:
    """The gradient of a layer normalization's input; norm: that input, its mean and one over its deviation."""
    values, mean, inverse = norm
    found: Tensor = _backward_of_norm(d_out, values, gain.shape, mean, inverse, gain, bias, [True, False, False])[0]
    return found


def norm_weights(d_out: Tensor, norm: list[Tensor], gain: Tensor, bias: Tensor | None) -> list[Tensor]:
    """The gradients of its gain and, where there is one, its bias, over all steps."""
    values, mean, inverse = norm
    mask = [False, True, bias is not None]
    return [
        each
        for each in _backward_of_norm(d_out, values, gain.shape, mean, inverse, gain, bias, mask)[1:]
        if each is not None
    ]
