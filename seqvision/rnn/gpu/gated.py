"""The gated recurrences. The gradients of a step's gates are those of its states times numbers that the forward pass
has left, so that all of these numbers are computed at once, before the backward pass takes its steps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.gpu.steps import (
    Steps,
    backwards,
    forwards,
    norm_input,
    norm_weights,
    rows,
    sigmoid_input,
    stacked,
    tanh_input,
)


class LSTMSteps(Steps):
    """Seven launches a step, five backward; the gates in the order o, i, f, g, so that what is treated alike in either
    pass lies side by side.
    """

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        inputs, hidden = self.cell.input_to_hidden, self.cell.hidden_to_hidden
        return [_rolled(inputs.weight), _rolled(inputs.bias + hidden.bias)], [_rolled(matrix(hidden))]

    def forward(self, sums: Tensor, before: list[Tensor], after: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        gates, shown = sums.unflatten(2, (4, -1)), torch.empty_like(after[1])
        for total, gate, h, c, h_after, c_after, tanh_c in forwards(sums, gates, *before, *after, shown):
            total.addmm_(h, weights[0].t())
            _remember(gate, c, c_after)
            torch.mul(gate[:, 0], torch.tanh(c_after, out=tanh_c), out=h_after)
        return [gates, shown]

    def backward(
        self,
        d_before: list[Tensor],
        d_after: list[Tensor],
        before: list[Tensor],
        after: list[Tensor],
        weights: list[Tensor],
        kept: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        gates, shown = kept
        by_output, by_memory, slopes = _shares(gates, before[1], shown)
        d_gates = torch.empty_like(gates)
        for d_h_before, d_c_before, d_h, d_c_after, d_gate, slope, *shares, forget in backwards(
            *d_before, *d_after, d_gates, slopes, by_output, by_memory, gates[:, :, 2]
        ):
            d_c = torch.addcmul(d_c_after, d_h, slope)
            _through_gates(d_gate, shares, d_h, d_c)
            d_c_before.addcmul_(d_c, forget)
            d_h_before.addmm_(d_gate.flatten(1), weights[0])
        d_sums = d_gates.flatten(2)
        return d_sums, rows(d_sums, before[0])


class LayerNormLSTMSteps(Steps):
    """Ten launches a step, eight backward; the gates as in the plain one."""

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        cell, norm = self.cell, self.cell.input_norm
        inputs = [_rolled(each) for each in (cell.input_to_hidden.weight, norm.weight, norm.bias)]
        hidden = [_rolled(each) for each in (matrix(cell.hidden_to_hidden), cell.hidden_norm.weight)]
        return inputs, [*hidden, cell.cell_norm.weight, cell.cell_norm.bias]

    def project(self, x: Tensor, weights: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        w, gain, bias = weights
        products = F.linear(x, w)
        sums, *moments = torch.native_layer_norm(products, gain.shape, gain, bias, self.cell.input_norm.eps)
        return sums, [products, *moments]

    def project_backward(
        self, d_sums: Tensor, x: Tensor, weights: list[Tensor], kept: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        w, gain, bias = weights
        d_products = norm_input(d_sums, kept, gain, bias)
        return d_products @ w, rows(d_products, x, d_sums, *kept)

    def project_gradients(self, trace: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        d_products, x, d_sums, *norm = trace
        return [d_products.t() @ x, *norm_weights(d_sums, norm, *weights[1:])]

    def forward(self, sums: Tensor, before: list[Tensor], after: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        w, hidden_gain, gain, bias = weights
        eps, cell_eps = self.cell.hidden_norm.eps, self.cell.cell_norm.eps
        gates, shown, kept = sums.unflatten(2, (4, -1)), torch.empty_like(after[1]), []
        for total, gate, h, c, h_after, c_after, tanh_c in forwards(sums, gates, *before, *after, shown):
            product = h @ w.t()
            normalized, *hidden = torch.native_layer_norm(product, hidden_gain.shape, hidden_gain, None, eps)
            total.add_(normalized)
            _remember(gate, c, c_after)
            normalized, *memory = torch.native_layer_norm(c_after, gain.shape, gain, bias, cell_eps)
            torch.mul(gate[:, 0], torch.tanh(normalized, out=tanh_c), out=h_after)
            kept.append((product, *hidden, *memory))
        return [gates, shown, *map(stacked, map(list, zip(*kept, strict=True)))]

    def backward(
        self,
        d_before: list[Tensor],
        d_after: list[Tensor],
        before: list[Tensor],
        after: list[Tensor],
        weights: list[Tensor],
        kept: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        w, hidden_gain, gain, bias = weights
        gates, shown, *hidden, mean, inverse = kept
        memory = [after[1], mean, inverse]
        by_output, by_memory, slopes = _shares(gates, before[1], shown)
        d_gates, d_shown, d_products = torch.empty_like(gates), torch.empty_like(shown), []
        for d_h_before, d_c_before, d_h, d_c_after, d_gate, d_norm, slope, *rest, forget in backwards(
            *d_before, *d_after, d_gates, d_shown, slopes, *memory, *hidden, by_output, by_memory, gates[:, :, 2]
        ):
            d_c = norm_input(torch.mul(d_h, slope, out=d_norm), rest[:3], gain, bias).add_(d_c_after)
            _through_gates(d_gate, rest[6:], d_h, d_c)
            d_c_before.addcmul_(d_c, forget)
            d_products.append(norm_input(d_gate.flatten(1), rest[3:6], hidden_gain, None))
            d_h_before.addmm_(d_products[-1], w)
        d_sums = d_gates.flatten(2)
        return d_sums, rows(stacked(d_products[::-1]), before[0], d_sums, *hidden, d_shown, *memory)

    def gradients(self, trace: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        d_products, h_before, d_sums = trace[:3]
        _, hidden_gain, gain, bias = weights
        of_hidden = norm_weights(d_sums, trace[3:6], hidden_gain, None)
        return [d_products.t() @ h_before, *of_hidden, *norm_weights(trace[6], trace[7:], gain, bias)]


class GRUSteps(Steps):
    """Six launches a step, three backward."""

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        inputs, hidden = self.cell.input_to_hidden, self.cell.hidden_to_hidden
        return [inputs.weight, inputs.bias], [matrix(hidden), hidden.bias]

    def forward(self, sums: Tensor, before: list[Tensor], after: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        w, bias = weights
        gates, products = sums.unflatten(2, (3, -1)), []
        for gate, h_before, h_after in forwards(gates, before[0], after[0]):
            product = torch.addmm(bias, h_before, w.t()).unflatten(1, (3, -1))
            reset, update = gate[:, :2].add_(product[:, :2]).sigmoid_().unbind(1)
            candidate = gate[:, 2].addcmul_(reset, product[:, 2]).tanh_()
            torch.lerp(candidate, h_before, update, out=h_after)
            products.append(product[:, 2])
        return [gates, stacked(products)]

    def backward(
        self,
        d_before: list[Tensor],
        d_after: list[Tensor],
        before: list[Tensor],
        after: list[Tensor],
        weights: list[Tensor],
        kept: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        gates, products = kept
        reset, update, candidate = gates.unbind(2)
        by_candidate = tanh_input(1 - update, candidate)
        by_reset = sigmoid_input(by_candidate * products, reset)
        by_update = sigmoid_input(before[0] - candidate, update)
        shares = torch.stack([by_reset, by_update, by_candidate * reset, by_candidate], dim=2)
        d_gates = torch.empty_like(shares)
        for d_h_before, d_h, share, keep, d_gate in backwards(d_before[0], d_after[0], shares, update, d_gates):
            torch.mul(d_h.unsqueeze(1), share, out=d_gate)
            d_h_before.addcmul_(d_h, keep).addmm_(d_gate[:, :3].flatten(1), weights[0])
        d_sums = torch.cat([d_gates[:, :, :2], d_gates[:, :, 3:]], dim=2).flatten(2)
        return d_sums, rows(d_gates[:, :, :3].flatten(2), before[0])

    def gradients(self, trace: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        d_products, h_before = trace
        return [d_products.t() @ h_before, d_products.sum(0)]


def _remember(gates: Tensor, before: Tensor, after: Tensor) -> None:
    """Gates (batch, 4, hidden) become what they let through, and the memory after the step is written."""
    gates[:, :3].sigmoid_()
    _, enter, forget, candidate = gates.unbind(1)
    torch.mul(forget, before, out=after).addcmul_(enter, candidate.tanh_())


def _through_gates(d_gates: Tensor, shares: list[Tensor], d_output: Tensor, d_memory: Tensor) -> None:
    """Writes the gradients of a step's gates."""
    by_output, by_memory = shares
    torch.mul(d_output, by_output, out=d_gates[:, 0])
    torch.mul(d_memory.unsqueeze(1), by_memory, out=d_gates[:, 1:])


def _shares(gates: Tensor, c: Tensor, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the gates' gradients are per gradient of the output (o) and of the memory (i, f, g), and what that of the
    output brings to what is shown of the memory, for all steps.
    """
    output, enter, forget, candidate = gates.unbind(2)
    by_memory = [sigmoid_input(candidate, enter), sigmoid_input(c, forget), tanh_input(enter, candidate)]
    return sigmoid_input(shown, output), torch.stack(by_memory, dim=2), tanh_input(output, shown)


def _rolled(weights: Tensor) -> Tensor:
    """A cell's rows of i, f, g, o in the order o, i, f, g."""
    return weights.unflatten(0, (4, -1)).roll(1, 0).flatten(0, 1)
