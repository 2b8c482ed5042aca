"""What one kind of cell computes on a GPU, over all its steps or one, in either pass, with few launches."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seqvision.rnn.cells import Cell

_backward_of_norm: Any = torch.ops.aten.native_layer_norm_backward.default
_backward_of_tanh: Any = torch.ops.aten.tanh_backward.default
_backward_of_sigmoid: Any = torch.ops.aten.sigmoid_backward.default


class Steps:
    """One kind of cell. Tensors have time first, (time, batch, …), and are its own: it may overwrite `sums`.

    What a backward pass returns as traces are rows (time · batch, …), from which `gradients` makes those of the
    weights: once, for all steps together.
    """

    def __init__(self, cell: Cell):
        self.cell: Any = cell

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        """What takes the inputs to their share of the sums, and what is used at every step."""
        raise NotImplementedError

    def project(self, x: Tensor, weights: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The inputs' share of all steps, and what the backward pass needs of it besides."""
        return F.linear(x, *weights), []

    def project_backward(
        self, d_sums: Tensor, x: Tensor, weights: list[Tensor], kept: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The inputs' gradient, and the trace."""
        return d_sums @ weights[0], rows(d_sums, x)

    def project_gradients(self, trace: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        """The gradients of the first weights."""
        d_sums, x = trace
        return [d_sums.t() @ x, d_sums.sum(0)][: len(weights)]

    def forward(self, sums: Tensor, before: list[Tensor], after: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        """Writes the states after each step; returns what the backward pass needs besides them. Of the states before a
        step, that of the first is given, and the others may share memory with those after it.
        """
        raise NotImplementedError

    def backward(
        self,
        d_before: list[Tensor],
        d_after: list[Tensor],
        before: list[Tensor],
        after: list[Tensor],
        weights: list[Tensor],
        kept: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        """The gradient of the sums, and the trace; adds to the gradients of the states before each step, which may
        share memory with those after the step before it, and leaves the last of these as they are.
        """
        raise NotImplementedError

    def gradients(self, trace: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        """The gradients of the weights of every step; here of those that take the state to the sums, alone."""
        d_sums, h_before = trace
        return [d_sums.t() @ h_before]


def rows(*tensors: Tensor) -> list[Tensor]:
    """Steps and batch as one dimension."""
    return [each.flatten(0, 1) for each in tensors]


def stacked(steps: list[Tensor]) -> Tensor:
    """Steps side by side; a single one without a copy."""
    return steps[0].unsqueeze(0) if len(steps) == 1 else torch.stack(steps)


def forwards(*tensors: Tensor) -> Iterator[tuple[Any, ...]]:
    """The tensors' entries from the first step to the last."""
    return zip(*(each.unbind(0) for each in tensors), strict=True)


def backwards(*tensors: Tensor) -> Iterator[tuple[Any, ...]]:
    """The tensors' entries from the last step to the first."""
    return zip(*(each.unbind(0)[::-1] for each in tensors), strict=True)


def tanh_input(d_out: Tensor, out: Tensor) -> Tensor:
    """The gradient of what a tanh was taken of."""
    found: Tensor = _backward_of_tanh(d_out, out)
    return found


def sigmoid_input(d_out: Tensor, out: Tensor) -> Tensor:
    """The gradient of what a sigmoid was taken of."""
    found: Tensor = _backward_of_sigmoid(d_out, out)
    return found


def norm_input(d_out: Tensor, norm: list[Tensor], gain: Tensor, bias: Tensor | None) -> Tensor:
    """The gradient of a layer normalization's input; norm: that input, its mean and one over its deviation."""
    values, mean, inverse = norm
    found: Tensor = _backward_of_norm(d_out, values, gain.shape, mean, inverse, gain, bias, [True, False, False])[0]
    return found


def norm_weights(d_out: Tensor, norm: list[Tensor], gain: Tensor, bias: Tensor | None) -> list[Tensor]:
    """The gradients of its gain and, where there is one, its bias."""
    values, mean, inverse = norm
    mask = [False, True, bias is not None]
    found = _backward_of_norm(d_out, values, gain.shape, mean, inverse, gain, bias, mask)[1:]
    return [each for each in found if each is not None]
