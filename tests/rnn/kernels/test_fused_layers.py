"""The fused recurrences give the reference loop's numbers, whatever the batch, the threads and the precision."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from precision import assert_as_precise, error, in_double

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
)
from seqvision.rnn.kernels import fused, gated
from seqvision.rnn.kernels.build import load

CELLS = [ElmanCell, LayerNormElmanCell, GRUCell, LSTMCell, LayerNormLSTMCell]
LACKS = load("elman") or load("gated")
pytestmark = pytest.mark.skipif(LACKS is not None, reason=f"no fused recurrence here: {LACKS}")


def network(cell, size: int = 6, **settings) -> Recurrent:
    """With gains, biases and weights that are not where they start."""
    made = Recurrent(cell, 4, size, backend="fused", **settings)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made


def values_and_gradients(model: Recurrent, x, lengths, state, weights) -> list[torch.Tensor]:
    """Outputs, last states, and the gradients of all inputs and parameters under the same upper gradients."""
    dtype = next(model.parameters()).dtype
    x, state = map_state(lambda part: part.detach().to(dtype, copy=True).requires_grad_(), (x, state))
    outputs, last = model(x, lengths, state)
    found = [outputs, *state_parts(last)]
    total = sum((part * w).sum() for part, w in zip(found, weights, strict=True))
    gradients = torch.autograd.grad(total, [x, *state_parts(state), *model.parameters()])
    return [part.detach() for part in (*found, *gradients)]


def some_state(model: Recurrent, batch: int):
    """A state that is not zeros."""
    return map_state(torch.randn_like, model.initial_state(batch))


@settings(max_examples=15, deadline=None)
@given(data=st.data(), cell=st.sampled_from(CELLS), layers=st.integers(1, 3), bidirectional=st.booleans())
def test_errors_are_those_of_single_precision(data, cell, layers, bidirectional):
    """Against the reference loop in double precision, at most four times what that loop errs in single."""
    lengths = data.draw(st.none() | st.lists(st.integers(0, 9), min_size=1, max_size=5))
    batch = data.draw(st.integers(1, 5)) if lengths is None else len(lengths)
    steps = data.draw(st.integers(max(1, *lengths, 1) if lengths else 1, 9))
    size, seed = data.draw(st.integers(2, 24)), data.draw(st.integers(0, 10_000))
    length = None if lengths is None else torch.tensor(lengths)

    def fill(turn: int):
        torch.manual_seed(seed + turn)
        made = network(cell, size, num_layers=layers, bidirectional=bidirectional)
        return three_ways(made, batch, steps, length)

    assert_as_precise(fill)


def three_ways(made: Recurrent, batch: int, steps: int, lengths) -> list[list[torch.Tensor]]:
    """Values and gradients of the fused network, of the reference loop, and of that loop in double precision."""
    reference = copy.deepcopy(made)
    reference.backend = "reference"
    x, state = torch.randn(batch, steps, made.input_size), some_state(made, batch)
    upper = [torch.randn(batch, steps, made.output_size), *state_parts(some_state(made, batch))]
    models = (made, reference, in_double(reference))
    return [values_and_gradients(each, x, lengths, state, upper) for each in models]


@pytest.mark.parametrize("lengths", [None, [5, 0, 3]])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_by_finite_differences(cell, lengths):
    torch.manual_seed(0)
    model = network(cell, num_layers=2, bidirectional=True).double()
    x = torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True)
    state = map_state(lambda zeros: torch.randn_like(zeros).requires_grad_(), model.initial_state(3))
    flat = state_parts(state)
    names, values = zip(*model.named_parameters(), strict=True)
    length = None if lengths is None else torch.tensor(lengths)

    def outputs(x, *rest):
        parameters, given = dict(zip(names, rest[len(flat) :], strict=True)), iter(rest)
        y, last = torch.func.functional_call(model, parameters, (x, length, map_state(lambda _: next(given), state)))
        return y, *state_parts(last)

    assert torch.autograd.gradcheck(outputs, (x, *flat, *values), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS)
def test_any_number_of_threads_gives_the_same_and_twice_the_very_same(cell):
    torch.manual_seed(1)
    model = Recurrent(cell, 32, 256, backend="fused")  # large enough for several threads to share it
    x, before = torch.randn(70, 5, 32), some_state(model, 70)
    weights = [torch.randn(70, 5, 256), *state_parts(some_state(model, 70))]
    kept, found = torch.get_num_threads(), {}
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found[threads] = values_and_gradients(model, x, None, before, weights)
            again = values_and_gradients(model, x, None, before, weights)
            assert all(torch.equal(a, b) for a, b in zip(found[threads], again, strict=True))
    finally:
        torch.set_num_threads(kept)
    truth = values_and_gradients(in_double(model), x, None, before, weights)
    assert max(error(found[threads], truth) for threads in (2, 3)) <= 4 * error(found[1], truth)


@pytest.mark.parametrize("cell", CELLS)
def test_without_gradients_nothing_is_kept_and_the_values_are_the_same(cell):
    torch.manual_seed(2)
    model, x = network(cell), torch.randn(3, 7, 4)
    expected, last = model(x)
    with torch.no_grad():
        outputs, state = model(x)
    assert outputs.grad_fn is None
    assert expected.grad_fn is not None
    assert torch.equal(outputs, expected)
    assert all(map(torch.equal, state_parts(state), state_parts(last)))


@pytest.mark.parametrize("cell", CELLS)
def test_autocast_leaves_it_in_single_precision(cell):
    """Also where the layer before it gives half the digits."""
    torch.manual_seed(3)
    model, x = network(cell), torch.randn(3, 7, 4, requires_grad=True)
    expected, _ = model(x.bfloat16().float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, _ = model(x.bfloat16())
        outputs.square().sum().backward()
    assert torch.equal(outputs, expected)
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("seen", ["outputs", "last"])
def test_either_result_may_go_unused(cell, seen):
    model, x = network(cell).double(), torch.randn(3, 7, 4, dtype=torch.double)
    reference = copy.deepcopy(model)
    reference.backend = "reference"
    for each in (model, reference):
        outputs, last = each(x, torch.tensor([7, 2, 4]))
        (outputs if seen == "outputs" else state_parts(last)[-1]).square().sum().backward()
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_view_of_any_kind_will_do():
    """Inputs, states and upper gradients that are transposed, expanded or sliced."""
    torch.manual_seed(4)
    model = network(LayerNormElmanCell)
    whole = torch.randn(7, 3, 8)
    for x in (whole.transpose(0, 1)[..., ::2], whole.transpose(0, 1)[..., :4], torch.randn(4).expand(3, 7, 4)):
        outputs, _ = model(x)
        expected, _ = model(x.contiguous())
        assert torch.equal(outputs, expected)
        (gradient,) = torch.autograd.grad(outputs.sum(), model.cells[0].norm.weight)
        (same,) = torch.autograd.grad(expected, model.cells[0].norm.weight, torch.ones(3, 7, 6))
        assert torch.equal(gradient, same)
    x, before, bias = torch.randn(3, 7, 4), torch.randn(1, 6), model.cells[0].norm.bias
    _, (last,) = model(x, None, (before.expand(3, 6),))
    _, (expected,) = model(x, None, (before.repeat(3, 1),))
    assert torch.equal(last, expected)
    upper = torch.randn(1, 6)
    (gradient,) = torch.autograd.grad(last, bias, upper.expand(3, 6))
    (same,) = torch.autograd.grad(expected, bias, upper.repeat(3, 1))
    assert torch.equal(gradient, same)


@pytest.mark.parametrize("cell", CELLS)
def test_hardly_a_wide_input_leaves_its_range(cell):
    """Sums far outside the range of tanh, and not-a-number in, not-a-number out."""
    model = network(cell)
    x = torch.tensor([1e4, -1e4, 1e30, float("nan")]).repeat(4, 1).T.unsqueeze(1)
    outputs, _ = model(x)
    assert (outputs[:2].abs() <= 1).all()
    assert outputs[3].isnan().all()


def test_a_second_derivative_is_refused_rather_than_wrong():
    model, x = network(LayerNormElmanCell), torch.randn(2, 3, 4, requires_grad=True)
    with pytest.raises(UserError, match=r"rnn\.backend=reference"):
        torch.autograd.grad(model(x)[0].sum(), x, create_graph=True)


@pytest.mark.parametrize("cell", CELLS)
def test_long_sequences_on_networks_as_they_start(cell):
    """The same bound as above over forty steps."""
    lengths = torch.tensor([40, 3, 0, 22])

    def fill(seed: int):
        torch.manual_seed(seed)
        made = Recurrent(cell, 5, 16, bidirectional=True, backend="fused")
        assert fused(made.cells[0], torch.zeros(4, 40, 5), lengths, insist=True)
        return three_ways(made, 4, 40, lengths)

    assert_as_precise(fill)


def test_subclasses_take_their_own_step():
    class Doubled(LayerNormElmanCell):
        def step(self, projected, state):
            return 2 * super().step(projected, state)

    model = Recurrent(Doubled, 4, 6)
    outputs, _ = model(torch.randn(2, 3, 4))
    assert outputs.abs().max() > 1


def test_wide_lstms_over_padded_batches_stay_with_torch():
    """Where oneDNN was measured to be the faster; everything else is taken."""
    x, lengths = torch.randn(2, 3, 4), torch.tensor([3, 1])
    wide, narrow = LSTMCell(4, 256), LSTMCell(4, 128)
    if torch.backends.mkldnn.is_available():
        assert fused(wide, x, None, insist=False) is None
    assert fused(wide, x, None, insist=True) is gated
    assert fused(wide, x, lengths, insist=False) is gated
    assert fused(wide.double(), x.double(), None, insist=False) is gated
    assert fused(narrow, x, None, insist=False) is gated
    assert fused(GRUCell(4, 256), x, None, insist=False) is gated
