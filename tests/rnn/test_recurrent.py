"""The core against torch's own networks, a written-out reference and finite differences."""

from functools import partial
from statistics import median

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvision.errors import UserError
from seqvision.rnn import (
    ElmanCell,
    GRUCell,
    LayerNormElmanCell,
    LayerNormLSTMCell,
    LearntState,
    LSTMCell,
    Recurrent,
    StartingState,
    detach,
    map_state,
    state_of,
    state_parts,
    state_size,
    windows,
)

pytestmark = pytest.mark.usefixtures("float64")
CELLS = [ElmanCell, LayerNormElmanCell, LSTMCell, LayerNormLSTMCell, GRUCell]
TORCH = {ElmanCell: torch.nn.RNN, LSTMCell: torch.nn.LSTM, GRUCell: torch.nn.GRU}


def twin(network: Recurrent, kind: type) -> torch.nn.RNNBase:
    """torch's network with the same weights."""
    twin = kind(
        network.input_size,
        network.hidden_size,
        network.num_layers,
        bidirectional=network.bidirectional,
        batch_first=True,
    ).to(next(network.parameters()).dtype)
    for index, cell in enumerate(network.cells):
        layer, backward = divmod(index, network.directions)
        suffix = f"l{layer}" + ("_reverse" if backward else "")
        for ours, theirs in (("input_to_hidden", "ih"), ("hidden_to_hidden", "hh")):
            getattr(twin, f"weight_{theirs}_{suffix}").data.copy_(getattr(cell, ours).weight)
            getattr(twin, f"bias_{theirs}_{suffix}").data.copy_(getattr(cell, ours).bias)
    return twin


@pytest.mark.parametrize("backend", ["reference", "fused"])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("cell", TORCH)
def test_equals_torch_in_values_and_gradients(cell, layers, bidirectional, ragged, backend):
    torch.manual_seed(0)
    ours = Recurrent(cell, 5, 7, num_layers=layers, bidirectional=bidirectional, backend=backend)
    torch.nn.init.normal_(ours.cells[0].hidden_to_hidden.bias)
    theirs = twin(ours, TORCH[cell])
    x = torch.randn(4, 6, 5, requires_grad=True)
    x_twin = x.detach().clone().requires_grad_()
    lengths = torch.tensor([6, 1, 3, 5]) if ragged else None

    y, state = ours(x, lengths)
    if ragged:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x_twin, lengths, batch_first=True, enforce_sorted=False)
        y_packed, state_twin = theirs(packed)
        y_twin = torch.nn.utils.rnn.pad_packed_sequence(y_packed, batch_first=True)[0]
    else:
        y_twin, state_twin = theirs(x_twin)
    hidden_twin = state_twin[0] if isinstance(state_twin, tuple) else state_twin
    hidden = torch.stack([s[0] if isinstance(s, tuple) else s for s in state])
    torch.testing.assert_close(y, y_twin)
    torch.testing.assert_close(hidden, hidden_twin)

    weights = torch.randn_like(y)
    (y * weights).sum().backward()
    (y_twin * weights).sum().backward()
    torch.testing.assert_close(x.grad, x_twin.grad)
    w_hh = ours.cells[0].hidden_to_hidden.weight.grad
    torch.testing.assert_close(w_hh, theirs.weight_hh_l0.grad)


def layer_norm_reference(x, w_ih, w_hh, gain, bias, h, eps=1e-5):
    """SYLLABUS-style equation, step by step, in float64 NumPy."""
    outputs = []
    for t in range(x.shape[1]):
        a = x[:, t] @ w_ih.T + h @ w_hh.T
        mean = a.mean(axis=1, keepdims=True)
        variance = ((a - mean) ** 2).mean(axis=1, keepdims=True)
        h = np.tanh(gain * (a - mean) / np.sqrt(variance + eps) + bias)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def test_layer_norm_elman_equals_its_equation():
    torch.manual_seed(1)
    network = Recurrent(LayerNormElmanCell, 3, 6)
    cell = network.cells[0]
    torch.nn.init.normal_(cell.norm.weight)
    torch.nn.init.normal_(cell.norm.bias)
    x, h = torch.randn(2, 9, 3), torch.randn(2, 6)
    weights = [
        p.detach().numpy()
        for p in (cell.input_to_hidden.weight, cell.hidden_to_hidden.weight, cell.norm.weight, cell.norm.bias)
    ]
    expected = layer_norm_reference(x.numpy(), *weights, h.numpy())
    outputs, state = network(x, state=(h,))
    np.testing.assert_allclose(outputs.detach().numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(state[0].detach().numpy(), expected[:, -1], atol=1e-12)


def normalised(a, gain, bias=0.0, eps=1e-5):
    mean = a.mean(axis=1, keepdims=True)
    return gain * (a - mean) / np.sqrt(((a - mean) ** 2).mean(axis=1, keepdims=True) + eps) + bias


def layer_norm_lstm_reference(x, weights, h, c):
    """Equations 20 to 22 of Ba, Kiros and Hinton (2016), step by step, in float64 NumPy."""
    outputs = []
    for t in range(x.shape[1]):
        hidden = normalised(h @ weights["hidden_to_hidden.weight"].T, weights["hidden_norm.weight"])
        inputs = x[:, t] @ weights["input_to_hidden.weight"].T
        inputs = normalised(inputs, weights["input_norm.weight"], weights["input_norm.bias"])
        i, f, g, o = np.split(hidden + inputs, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(normalised(c, weights["cell_norm.weight"], weights["cell_norm.bias"]))
        outputs.append(h)
    return np.stack(outputs, axis=1), c


def test_layer_norm_lstm_equals_its_equations():
    torch.manual_seed(1)
    network = Recurrent(LayerNormLSTMCell, 3, 6)
    for name, parameter in network.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter)
    weights = {name: parameter.detach().numpy() for name, parameter in network.cells[0].named_parameters()}
    x, h, c = (torch.randn(shape) for shape in ((2, 9, 3), (2, 6), (2, 6)))
    expected, last = layer_norm_lstm_reference(x.numpy(), weights, h.numpy(), c.numpy())
    outputs, ((h, c),) = network(x, state=((h, c),))
    np.testing.assert_allclose(outputs.detach().numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(h.detach().numpy(), expected[:, -1], atol=1e-12)
    np.testing.assert_allclose(c.detach().numpy(), last, atol=1e-12)


def test_the_layer_norm_lstm_begins_with_an_open_forget_gate():
    cell = LayerNormLSTMCell(3, 5)
    _, forget, *_ = cell.project(torch.zeros(1, 3)).chunk(4, dim=-1)
    assert torch.equal(forget, torch.ones(1, 5))


def test_with_less_gain_the_layer_norm_lstm_begins_near_zero():
    def shown(gain: float) -> float:
        torch.manual_seed(0)
        cell = LayerNormLSTMCell(3, 64, gain=gain)
        return float(
            cell.output(cell.step(cell.project(torch.randn(8, 3)), cell.initial_state(8))).abs().mean().detach()
        )

    assert shown(0.1) < 0.2 * shown(1.0)


@pytest.mark.parametrize("cell", CELLS)
def test_a_learnt_state_begins_as_zeros_and_is_the_same_for_all(cell):
    network = Recurrent(cell, 3, 4, num_layers=2)
    start = LearntState(network)
    map_state(lambda ours, zeros: torch.testing.assert_close(ours, zeros), start(5), network.initial_state(5))
    torch.nn.init.normal_(start.values[0])
    _, state = network(torch.randn(5, 2, 3), state=start(5))
    network.output(state).sum().backward()
    assert all(value.grad.abs().sum() > 0 for value in start.values)
    assert network.output(start(5)).shape == (5, 4)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", [LearntState, partial(StartingState, inputs=3)], ids=["learnt", "vector"])
def test_a_state_that_is_no_zeros_begins_a_new_pass_too(cell, kind):
    """What is left out of the recurrence is drawn anew, and has no graph of the pass before."""
    network = Recurrent(cell, 3, 20, dropconnect=0.5)
    start = kind(network)
    left = []
    for _ in range(2):
        output, _ = network.step(torch.ones(2, 3), start(2 if kind is LearntState else torch.ones(2, 3)))
        output.sum().backward()
        left.append(network.cells[0].hidden_to_hidden.matrix.detach() == 0)
    assert not torch.equal(*left)


def test_a_vector_says_all_parts_of_a_state():
    network = Recurrent(LSTMCell, 3, 4, num_layers=2)
    assert state_size(network) == 16
    numbers = torch.arange(32.0).reshape(2, 16)
    assert torch.equal(torch.cat(state_parts(state_of(network, numbers)), dim=-1), numbers)


@pytest.mark.few(3)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_by_finite_differences(cell):
    torch.manual_seed(2)
    network = Recurrent(cell, 2, 3, num_layers=2, bidirectional=True, backend="reference")
    x = torch.randn(3, 4, 2, requires_grad=True)
    lengths = torch.tensor([4, 2, 3])
    names, values = zip(*network.named_parameters(), strict=True)

    def outputs(x, *values):
        y, state = torch.func.functional_call(network, dict(zip(names, values, strict=True)), (x, lengths))
        return y, *[part for entry in state for part in (entry if isinstance(entry, tuple) else (entry,))]

    assert torch.autograd.gradcheck(outputs, (x, *values))


@pytest.mark.parametrize("backend", ["reference", "auto"])
@pytest.mark.parametrize("cell", CELLS)
def test_windows_with_carried_state_equal_one_pass(cell, backend):
    torch.manual_seed(3)
    network = Recurrent(cell, 4, 5, num_layers=2, backend=backend)
    x, lengths = torch.randn(3, 11, 4), torch.tensor([11, 2, 7])
    whole, last = network(x, lengths)
    state, parts = None, []
    for part, remaining in windows(x, 4, lengths):
        y, state = network(part, remaining, state)
        state = detach(state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    map_state(lambda a, b: torch.testing.assert_close(a, b), state, last)
    assert not any(s.requires_grad for s in (state[0] if isinstance(state[0], tuple) else state))


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_at_a_time_equals_the_loop(cell):
    network = Recurrent(cell, 4, 5, num_layers=2)
    x = torch.randn(3, 6, 4)
    expected, _ = network(x)
    state = network.initial_state(3)
    for t, x_t in enumerate(x.unbind(1)):
        y, state = network.step(x_t, state)
        torch.testing.assert_close(y, expected[:, t])
    beams, _ = network.step(x[:, :1].expand(3, 2, 4), network.initial_state(3, 2))
    torch.testing.assert_close(beams[:, 1], expected[:, 0])


@settings(max_examples=12, deadline=None)
@given(
    cell=st.sampled_from(CELLS),
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    padding=st.integers(0, 3),
    bidirectional=st.booleans(),
    backend=st.sampled_from(["reference", "auto"]),
)
def test_padding_changes_nothing(cell, lengths, padding, bidirectional, backend):
    """Not its amount, nor what it holds: neither values nor gradients."""
    torch.manual_seed(4)
    network = Recurrent(cell, 3, 4, bidirectional=bidirectional, backend=backend)
    size = torch.tensor(lengths)
    time = max(1, max(lengths))
    x = torch.randn(len(lengths), time, 3)
    valid = torch.arange(time) < size.unsqueeze(1)
    clean = torch.where(valid.unsqueeze(-1), x, 0.0)
    dirty = torch.nn.functional.pad(
        torch.where(valid.unsqueeze(-1), x, float("nan")), (0, 0, 0, padding), value=float("nan")
    )
    results = []
    for inputs in (clean, dirty):
        network.zero_grad()
        y, state = network(inputs, size)
        assert not y[:, :time][~valid].any()
        assert not y[:, time:].any()
        (y[:, :time].square().sum() + map_state(lambda s: s.sum(), state[0])[0].sum()).backward() if isinstance(
            state[0], tuple
        ) else (y[:, :time].square().sum() + state[0].sum()).backward()
        results.append([y[:, :time], *[p.grad.clone() for p in network.parameters()]])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


def test_a_network_learns_to_remember():
    """The class is the first frame's sign; it must survive nine steps of noise."""
    torch.manual_seed(5)
    network, head = Recurrent(LayerNormElmanCell, 1, 16), torch.nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(150):
        x = torch.randn(64, 10, 1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            head(network(x)[1][0]).squeeze(1), (x[:, 0, 0] > 0).float()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.4  # chance is 0.69


def test_what_cannot_be_is_refused():
    class Own(LayerNormElmanCell):
        """May compute something else."""

    with pytest.raises(UserError, match="no fused layer for Own on cpu"):
        Recurrent(Own, 2, 3, backend="fused")(torch.zeros(1, 1, 2))
    both = Recurrent(GRUCell, 2, 3, bidirectional=True)
    with pytest.raises(UserError, match="bidirectional"):
        both.step(torch.zeros(1, 2), both.initial_state(1))


def test_half_the_gain_keeps_gradients_through_hundreds_of_steps():
    def through(gain: float, seed: int) -> float:
        torch.manual_seed(seed)
        network = Recurrent(lambda d, h: LayerNormElmanCell(d, h, gain=gain), 1, 64)
        start = torch.randn(1, 64).requires_grad_()
        outputs, _ = network(torch.rand(1, 400, 1), state=(start,))
        (gradient,) = torch.autograd.grad(outputs[0, -1] @ torch.randn(64) / gain, start)
        return float(gradient.norm())

    assert all(through(1.0, seed) > 1e6 for seed in range(3))
    assert 1e-4 < median(through(0.5, seed) for seed in range(9)) < 1e2
