"""The Elman recurrences: over all steps two launches a step and direction, three with layer normalization."""

import torch
from torch import Tensor

from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.gpu.steps import (
    Steps,
    backwards,
    forwards,
    norm_input,
    norm_weights,
    rows,
    stacked,
    tanh_input,
)


class ElmanSteps(Steps):
    """h' = tanh(sum + W h)."""

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        inputs, hidden = self.cell.input_to_hidden, self.cell.hidden_to_hidden
        return [inputs.weight, inputs.bias + hidden.bias], [matrix(hidden)]

    def forward(self, sums: Tensor, before: list[Tensor], after: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        for total, h_before, h_after in forwards(sums, before[0], after[0]):
            torch.tanh(total.addmm_(h_before, weights[0].t()), out=h_after)
        return []

    def backward(
        self,
        d_before: list[Tensor],
        d_after: list[Tensor],
        before: list[Tensor],
        after: list[Tensor],
        weights: list[Tensor],
        kept: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        found = []
        for d_h_before, d_h_after, h_after in backwards(d_before[0], d_after[0], after[0]):
            found.append(tanh_input(d_h_after, h_after))
            d_h_before.addmm_(found[-1], weights[0])
        d_sums = stacked(found[::-1])
        return d_sums, rows(d_sums, before[0])


class LayerNormElmanSteps(Steps):
    """h' = tanh(norm(sum + W h))."""

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        cell = self.cell
        return [cell.input_to_hidden.weight], [matrix(cell.hidden_to_hidden), cell.norm.weight, cell.norm.bias]

    def forward(self, sums: Tensor, before: list[Tensor], after: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        w, gain, bias = weights
        moments = []
        for total, h_before, h_after in forwards(sums, before[0], after[0]):
            total.addmm_(h_before, w.t())
            normalized, *moment = torch.native_layer_norm(total, gain.shape, gain, bias, self.cell.norm.eps)
            moments.append(moment)
            torch.tanh(normalized, out=h_after)
        return [sums, *map(stacked, map(list, zip(*moments, strict=True)))]

    def backward(
        self,
        d_before: list[Tensor],
        d_after: list[Tensor],
        before: list[Tensor],
        after: list[Tensor],
        weights: list[Tensor],
        kept: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        w, gain, bias = weights
        d_norms, d_totals = [], []
        for d_h_before, d_h_after, h_after, *norm in backwards(d_before[0], d_after[0], after[0], *kept):
            d_norms.append(tanh_input(d_h_after, h_after))
            d_totals.append(norm_input(d_norms[-1], norm, gain, bias))
            d_h_before.addmm_(d_totals[-1], w)
        d_sums = stacked(d_totals[::-1])
        return d_sums, rows(d_sums, before[0], stacked(d_norms[::-1]), *kept)

    def gradients(self, trace: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        d_sums, h_before, d_norms, *norm = trace
        return [d_sums.t() @ h_before, *norm_weights(d_norms, norm, *weights[1:])]
