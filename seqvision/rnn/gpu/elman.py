"""The Elman recurrences over all steps: two launches a step and direction, three with layer normalization."""

import torch
import torch.nn.functional as F
from torch import Tensor

from seqvision.rnn.cells import ElmanCell, LayerNormElmanCell
from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.gpu.steps import Steps, backwards, norm_input, norm_weights, product


class ElmanSteps(Steps):
    """h' = tanh(sum + W h)."""

    cell: ElmanCell

    def prepared(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        cell = self.cell
        bias = cell.input_to_hidden.bias + cell.hidden_to_hidden.bias
        return F.linear(x, cell.input_to_hidden.weight, bias), [matrix(cell.hidden_to_hidden)]

    def forward(self, sums: Tensor, states: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        (h,), (w,) = states, weights
        for total, before, after in zip(sums.unbind(0), h[:-1].unbind(0), h[1:].unbind(0), strict=True):
            torch.tanh(total.addmm_(before, w.t()), out=after)
        return []

    def backward(
        self, gradients: list[Tensor], states: list[Tensor], weights: list[Tensor], kept: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        (d_h,), (h,), (w,) = gradients, states, weights
        slopes = 1 - h[1:].square()
        d_sums = torch.empty_like(slopes)
        for slope, d_sum, d_before, d_after in backwards(slopes, d_sums, d_h[:-1], d_h[1:]):
            d_before.addmm_(torch.mul(d_after, slope, out=d_sum), w)
        return d_sums, [product(d_sums, h[:-1])]


class LayerNormElmanSteps(Steps):
    """h' = tanh(norm(sum + W h))."""

    cell: LayerNormElmanCell

    def prepared(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        cell = self.cell
        weights = [matrix(cell.hidden_to_hidden), cell.norm.weight, cell.norm.bias]
        return F.linear(x, cell.input_to_hidden.weight), weights

    def forward(self, sums: Tensor, states: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        (h,), (w, gain, bias) = states, weights
        moments = []
        for total, before, after in zip(sums.unbind(0), h[:-1].unbind(0), h[1:].unbind(0), strict=True):
            total.addmm_(before, w.t())
            normalized, *moment = torch.native_layer_norm(total, gain.shape, gain, bias, self.cell.norm.eps)
            moments.append(moment)
            torch.tanh(normalized, out=after)
        return [sums, *(torch.stack(column) for column in zip(*moments, strict=True))]

    def backward(
        self, gradients: list[Tensor], states: list[Tensor], weights: list[Tensor], kept: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        (d_h,), (h,), (w, gain, bias) = gradients, states, weights
        slopes = 1 - h[1:].square()
        d_normalized, d_sums = torch.empty_like(slopes), []
        for slope, d_norm, *norm, d_before, d_after in backwards(slopes, d_normalized, *kept, d_h[:-1], d_h[1:]):
            d_sums.append(norm_input(torch.mul(d_after, slope, out=d_norm), norm, gain, bias))
            d_before.addmm_(d_sums[-1], w)
        d_sum = torch.stack(d_sums[::-1])
        return d_sum, [product(d_sum, h[:-1]), *norm_weights(d_normalized, kept, gain, bias)]
