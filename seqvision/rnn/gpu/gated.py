"""The gated recurrences over all steps. The gradients of a step's gates are those of its states times numbers that the
forward pass has left, so that all of these numbers are computed at once, before the backward pass takes its steps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from seqvision.rnn.cells import GRUCell, LayerNormLSTMCell, LSTMCell
from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.gpu.steps import Steps, backwards, norm_input, norm_weights, product


class LSTMSteps(Steps):
    """Seven launches a step, five backward; the gates in the order o, i, f, g, so that what is treated alike in either
    pass lies side by side.
    """

    cell: LSTMCell

    def prepared(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        cell = self.cell
        bias = cell.input_to_hidden.bias + cell.hidden_to_hidden.bias
        projected = F.linear(x, _rolled(cell.input_to_hidden.weight), _rolled(bias))
        return projected, [_rolled(matrix(cell.hidden_to_hidden))]

    def forward(self, sums: Tensor, states: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        (h, c), (w,) = states, weights
        gates, shown = sums.unflatten(2, (4, -1)), torch.empty_like(c[1:])
        for total, gate, before, after, c_before, c_after, tanh_c in _steps(sums, gates, h, c, shown):
            total.addmm_(before, w.t())
            remember(gate, c_before, c_after)
            torch.mul(gate[:, 0], torch.tanh(c_after, out=tanh_c), out=after)
        return [gates, shown]

    def backward(
        self, gradients: list[Tensor], states: list[Tensor], weights: list[Tensor], kept: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        (d_h, d_c), (h, c), (w,), (gates, shown) = gradients, states, weights, kept
        by_output, by_memory, slopes = _shares(gates, c, shown)
        d_gates = torch.empty_like(gates)
        moments = (d_h[:-1], d_h[1:], d_c[:-1], d_c[1:])
        for slope, *shares, forget, d_gate, d_before, d_after, d_c_before, d_c_after in backwards(
            slopes, by_output, by_memory, gates[:, :, 2], d_gates, *moments
        ):
            d_c_after.addcmul_(d_after, slope)
            through_gates(d_gate, shares, d_after, d_c_after)
            d_c_before.addcmul_(d_c_after, forget)
            d_before.addmm_(d_gate.flatten(1), w)
        d_sums = d_gates.flatten(2)
        return d_sums, [product(d_sums, h[:-1])]


class LayerNormLSTMSteps(Steps):
    """Ten launches a step, eight backward; the gates as in the plain one."""

    cell: LayerNormLSTMCell

    def prepared(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        cell = self.cell
        norm = cell.input_norm
        projected = F.linear(x, _rolled(cell.input_to_hidden.weight))
        projected = F.layer_norm(projected, norm.normalized_shape, _rolled(norm.weight), _rolled(norm.bias), norm.eps)
        hidden = [_rolled(matrix(cell.hidden_to_hidden)), _rolled(cell.hidden_norm.weight)]
        return projected, [*hidden, cell.cell_norm.weight, cell.cell_norm.bias]

    def forward(self, sums: Tensor, states: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        (h, c), (w, hidden_gain, gain, bias) = states, weights
        gates, shown = sums.unflatten(2, (4, -1)), torch.empty_like(c[1:])
        kept = []
        for total, gate, before, after, c_before, c_after, tanh_c in _steps(sums, gates, h, c, shown):
            product = before @ w.t()
            normalized, *hidden = torch.native_layer_norm(
                product, hidden_gain.shape, hidden_gain, None, self.cell.hidden_norm.eps
            )
            total.add_(normalized)
            remember(gate, c_before, c_after)
            normalized, *memory = torch.native_layer_norm(c_after, gain.shape, gain, bias, self.cell.cell_norm.eps)
            torch.mul(gate[:, 0], torch.tanh(normalized, out=tanh_c), out=after)
            kept.append((product, *hidden, *memory))
        return [gates, shown, *(torch.stack(column) for column in zip(*kept, strict=True))]

    def backward(
        self, gradients: list[Tensor], states: list[Tensor], weights: list[Tensor], kept: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        (d_h, d_c), (h, c), (w, hidden_gain, gain, bias) = gradients, states, weights
        gates, shown, *hidden, mean, inverse = kept
        memory = [c[1:], mean, inverse]
        by_output, by_memory, slopes = _shares(gates, c, shown)
        d_gates, d_shown, d_products = torch.empty_like(gates), torch.empty_like(shown), []
        moments = (d_h[:-1], d_h[1:], d_c[:-1], d_c[1:])
        for slope, d_norm, *rest, forget, d_gate, d_before, d_after, d_c_before, d_c_after in backwards(
            slopes, d_shown, *memory, *hidden, by_output, by_memory, gates[:, :, 2], d_gates, *moments
        ):
            d_c_after.add_(norm_input(torch.mul(d_after, slope, out=d_norm), rest[:3], gain, bias))
            through_gates(d_gate, rest[6:], d_after, d_c_after)
            d_c_before.addcmul_(d_c_after, forget)
            d_products.append(norm_input(d_gate.flatten(1), rest[3:6], hidden_gain, None))
            d_before.addmm_(d_products[-1], w)
        d_sums, d_product = d_gates.flatten(2), torch.stack(d_products[::-1])
        d_hidden_gain = norm_weights(d_sums, hidden, hidden_gain, None)
        return d_sums, [product(d_product, h[:-1]), *d_hidden_gain, *norm_weights(d_shown, memory, gain, bias)]


class GRUSteps(Steps):
    """Six launches a step, three backward."""

    cell: GRUCell

    def prepared(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        cell = self.cell
        return cell.project(x), [matrix(cell.hidden_to_hidden), cell.hidden_to_hidden.bias]

    def forward(self, sums: Tensor, states: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        (h,), (w, bias) = states, weights
        gates, products = sums.unflatten(2, (3, -1)), []
        for gate, before, after in zip(gates.unbind(0), h[:-1].unbind(0), h[1:].unbind(0), strict=True):
            products.append(torch.addmm(bias, before, w.t()).unflatten(1, (3, -1)))
            reset, update = gate[:, :2].add_(products[-1][:, :2]).sigmoid_().unbind(1)
            candidate = gate[:, 2].addcmul_(reset, products[-1][:, 2]).tanh_()
            torch.lerp(candidate, before, update, out=after)
        return [gates, torch.stack([each[:, 2] for each in products])]

    def backward(
        self, gradients: list[Tensor], states: list[Tensor], weights: list[Tensor], kept: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        (d_h,), (h,), (w, _), (gates, products) = gradients, states, weights, kept
        reset, update, candidate = gates.unbind(2)
        by_candidate = (1 - update) * (1 - candidate.square())
        by_reset = by_candidate * products * reset * (1 - reset)
        by_update = (h[:-1] - candidate) * update * (1 - update)
        shares = torch.stack([by_reset, by_update, by_candidate * reset, by_candidate], dim=2)
        d_gates = torch.empty_like(shares)
        for share, keep, d_gate, d_before, d_after in backwards(shares, update, d_gates, d_h[:-1], d_h[1:]):
            torch.mul(d_after.unsqueeze(1), share, out=d_gate)
            d_before.addcmul_(d_after, keep).addmm_(d_gate[:, :3].flatten(1), w)
        d_products = d_gates[:, :, :3].flatten(2)
        d_sums = torch.cat([d_gates[:, :, :2], d_gates[:, :, 3:]], dim=2).flatten(2)
        return d_sums, [product(d_products, h[:-1]), d_products.sum((0, 1))]


def remember(gates: Tensor, before: Tensor, after: Tensor) -> None:
    """Gates (batch, 4, hidden) become what they let through, and the memory after the step is written."""
    gates[:, :3].sigmoid_()
    _, enter, forget, candidate = gates.unbind(1)
    torch.mul(forget, before, out=after).addcmul_(enter, candidate.tanh_())


def through_gates(d_gates: Tensor, shares: list[Tensor], d_output: Tensor, d_memory: Tensor) -> None:
    """Writes the gradients of a step's gates."""
    by_output, by_memory = shares
    torch.mul(d_output, by_output, out=d_gates[:, 0])
    torch.mul(d_memory.unsqueeze(1), by_memory, out=d_gates[:, 1:])


def _shares(gates: Tensor, c: Tensor, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the gates' gradients are per gradient of the output (o) and of the memory (i, f, g), and what that of the
    output brings to what is shown of the memory, for all steps.
    """
    output, enter, forget, candidate = gates.unbind(2)
    by_memory = [
        candidate * enter * (1 - enter),
        c[:-1] * forget * (1 - forget),
        enter * (1 - candidate.square()),
    ]
    by_output = shown * output * (1 - output)
    return by_output, torch.stack(by_memory, dim=2), output * (1 - shown.square())


def _steps(sums: Tensor, gates: Tensor, h: Tensor, c: Tensor, shown: Tensor) -> "zip[tuple[Tensor, ...]]":
    each = (sums, gates, h[:-1], h[1:], c[:-1], c[1:], shown)
    return zip(*(part.unbind(0) for part in each), strict=True)


def _rolled(weights: Tensor) -> Tensor:
    """A cell's rows of i, f, g, o in the order o, i, f, g."""
    return weights.unflatten(0, (4, -1)).roll(1, 0).flatten(0, 1)
