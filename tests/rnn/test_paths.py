"""Every way to compute a layer but the CPU's kernels, on a CPU, against the reference loop."""

import copy

import pytest
import torch

from seqvision.errors import UserError
from seqvision.rnn import (
    ElmanCell,
    GRUCell,
    LayerNormElmanCell,
    LayerNormLSTMCell,
    LSTMCell,
    Recurrent,
    map_state,
    state_parts,
    torch_layers,
)
from seqvision.rnn.gpu.loop import loop
from seqvision.rnn.unroll import reverse_sequences, states_at, valid_steps

pytestmark = pytest.mark.usefixtures("float64")
BY_TORCH = [(torch_layers.torch_layer, cell) for cell in (ElmanCell, GRUCell, LSTMCell)]
CELLS = [ElmanCell, LayerNormElmanCell, GRUCell, LSTMCell, LayerNormLSTMCell]
BY_LOOP = [(loop, cell) for cell in CELLS]


def values_and_gradients(layer, cell, x, lengths, state, weights) -> list[torch.Tensor]:
    """Outputs, last states, and the gradients of all inputs and parameters under the same upper gradients."""
    x, state = map_state(lambda part: part.detach().clone().requires_grad_(), (x, state))
    outputs, last = layer(cell, x, lengths, state)
    found = [outputs, *state_parts(last)]
    total = sum((part * w).sum() for part, w in zip(found, weights, strict=True))
    return [*found, *torch.autograd.grad(total, [x, *state_parts(state), *cell.parameters()])]


def reference(cell, x, lengths, state):
    """The reference loop of one layer."""
    network = Recurrent(lambda *_: cell, cell.input_size, cell.hidden_size, backend="reference")
    outputs, (last,) = network(x, lengths, (state,))
    return outputs, last


@pytest.mark.parametrize("lengths", [None, [5, 0, 3, 1]], ids=["whole", "ragged"])
@pytest.mark.parametrize(("layer", "kind"), BY_TORCH + BY_LOOP, ids=lambda each: each.__name__)
def test_equals_the_reference_loop(layer, kind, lengths):
    """Values and gradients, whatever the padding holds; the memory of an LSTM too, which outputs do not show."""
    torch.manual_seed(0)
    cell = kind(3, 4)
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x, state = torch.randn(4, 6, 3), map_state(torch.randn_like, cell.initial_state(4))
    weights = [torch.randn(4, 6, 4), *state_parts(map_state(torch.randn_like, state))]
    if lengths is not None:
        lengths = torch.tensor(lengths)
        x[~valid_steps(lengths, 6)] = float("nan")
    found = values_and_gradients(layer, copy.deepcopy(cell), x, lengths, state, weights)
    expected = values_and_gradients(reference, cell, x, lengths, state, weights)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_reversal_and_choice_of_a_moment_have_the_gradients_of_a_gather():
    """Of any order; a gather's own would add in no fixed order on a GPU."""
    torch.manual_seed(0)
    x, lengths = torch.randn(3, 4, 2, requires_grad=True), torch.tensor([4, 0, 2])
    assert torch.equal(reverse_sequences(reverse_sequences(x, lengths), lengths), x)
    assert torch.equal(reverse_sequences(x, lengths)[2], x[2, [1, 0, 2, 3]])
    assert torch.equal(states_at(x, lengths - 1 + (lengths == 0).long()), x[[0, 1, 2], [3, 0, 1]])
    assert torch.autograd.gradcheck(lambda x: reverse_sequences(x, lengths), x)
    assert torch.autograd.gradgradcheck(lambda x: reverse_sequences(x, lengths).square(), x)
    assert torch.autograd.gradcheck(lambda x: states_at(x, torch.tensor([3, 0, 1])), x)


@pytest.mark.parametrize("kind", CELLS)
def test_gradients_of_the_loop_by_finite_differences(kind):
    """In the reverse direction, ragged, with an empty sequence and weights that are left out."""
    torch.manual_seed(0)
    cell = kind(2, 3)
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x, state = torch.randn(3, 4, 2, requires_grad=True), map_state(torch.randn_like, cell.initial_state(3))
    parts, lengths = [part.requires_grad_() for part in state_parts(state)], torch.tensor([4, 0, 2])
    names, values = zip(*cell.named_parameters(), strict=True)

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = cell

        def forward(self, x, *parts):
            state = tuple(parts) if len(parts) > 1 else parts[0]
            outputs, last = loop(self.cell, x, lengths, state, reverse=True)
            return outputs, *state_parts(last)

    layer = Layer()

    def outputs(x, *rest):
        parameters = {f"cell.{name}": value for name, value in zip(names, rest[len(parts) :], strict=True)}
        return torch.func.functional_call(layer, parameters, (x, *rest[: len(parts)]))

    assert torch.autograd.gradcheck(outputs, (x, *parts, *values), fast_mode=True)


def test_a_second_derivative_of_the_loop_is_refused_rather_than_wrong():
    x = torch.randn(2, 3, 2, requires_grad=True)
    outputs, _ = loop(GRUCell(2, 3), x, None, None)
    with pytest.raises(UserError, match=r"rnn\.backend=reference"):
        torch.autograd.grad(outputs.sum(), x, create_graph=True)
