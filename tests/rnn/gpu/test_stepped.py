"""Single steps on a GPU: the numbers of the loop over `cell.step`, and the weights' gradients once for all steps."""

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
    recurrent,
    state_parts,
)
from seqvision.rnn.gpu.stepped import Pass

CELLS = [ElmanCell, LayerNormElmanCell, GRUCell, LSTMCell, LayerNormLSTMCell]


@pytest.fixture
def everywhere(monkeypatch):
    """Passes on a CPU too, in double precision."""
    monkeypatch.setattr(recurrent, "steps_by_pass", lambda cell, x, backend: backend != "reference")


def network(cell, **settings) -> Recurrent:
    torch.manual_seed(0)
    made = Recurrent(cell, 3, 4, num_layers=2, **settings)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return made


def fed_back(model: Recurrent, x: torch.Tensor, steps: int):
    """The outputs of steps of which each sees the last one's output; beams as in decoding."""
    state, outputs = model.initial_state(*x.shape[:-1]), []
    for _ in range(steps):
        output, state = model.step(x, state)
        x = x + output[..., :3].tanh()
        outputs.append(output)
    return torch.stack(outputs), state


@pytest.mark.usefixtures("float64", "everywhere")
@pytest.mark.parametrize("shape", [(2,), (2, 3)], ids=["batch", "beams"])
@pytest.mark.parametrize("kind", CELLS)
def test_equals_the_steps_of_the_cell(kind, shape):
    """Values and gradients of inputs and all weights, over steps that depend on one another."""
    found = []
    for backend in ("auto", "reference"):
        model = network(kind, backend=backend)
        x = torch.randn(*shape, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
        outputs, last = fed_back(model, x, 5)
        total = (outputs * torch.arange(5.0).view(5, *[1] * len(shape), 1)).sum() + sum(
            map(torch.sum, state_parts(last))
        )
        found.append([outputs, *state_parts(last), *torch.autograd.grad(total, [x, *model.parameters()])])
        assert bool(model._passes) == (backend == "auto")
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.usefixtures("float64", "everywhere")
def test_only_what_a_backward_pass_reaches_counts():
    """Twice through one graph, through some of its steps, for the input alone: always the gradients of the loop."""
    found = []
    for backend in ("auto", "reference"):
        model = network(LayerNormElmanCell, backend=backend)
        weight = model.cells[0].hidden_to_hidden.weight
        x = torch.randn(2, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
        outputs, _ = fed_back(model, x, 4)
        gradients = []
        for seen, wanted in ((outputs[3], x), (outputs[1], weight), (outputs, weight), (outputs[0], weight)):
            gradients += torch.autograd.grad(seen.sum(), wanted, retain_graph=True)
        found.append(gradients)
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.usefixtures("float64", "everywhere")
def test_weights_that_change_within_a_pass_are_used_and_get_their_gradients():
    """A state that is carried over a step of the optimizer, without a new pass; and after steps without gradients."""
    found = []
    for backend in ("auto", "reference"):
        model = network(LSTMCell, backend=backend)
        x = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            _, state = model.step(x, model.initial_state(2))
        for _ in range(2):
            output, state = model.step(x, map_state(torch.Tensor.detach, state))
            gradients = torch.autograd.grad(output.sum(), list(model.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                    parameter -= 0.1 * gradient
        found.append([output, *gradients])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.usefixtures("everywhere")
def test_a_pass_draws_once_what_is_left_out_and_is_not_copied():
    model = network(GRUCell, dropconnect=0.5)
    outputs, _ = fed_back(model, torch.randn(2, 3), 3)
    outputs.sum().backward()
    left = model.cells[0].hidden_to_hidden.matrix.detach() == 0
    assert torch.equal(model.cells[0].hidden_to_hidden.weight.grad[left], torch.zeros(int(left.sum())))
    assert not copy.deepcopy(model)._passes


def test_a_second_derivative_is_refused_rather_than_wrong():
    cell, x = ElmanCell(3, 4), torch.randn(2, 3, requires_grad=True)
    after = Pass(cell).step(x, cell.initial_state(2))
    with pytest.raises(UserError, match=r"rnn\.backend=reference"):
        torch.autograd.grad(after.sum(), x, create_graph=True)


@pytest.mark.parametrize("kind", CELLS)
def test_a_step_takes_fewer_launches_than_the_steps_of_the_cell(kind, pretended):
    launches = {}
    for backend in ("auto", "reference"):
        model, totals = network(kind, backend=backend).to(pretended.name), []
        for steps in (5, 10):
            model.zero_grad()
            x = torch.randn(2, 3).to(pretended.name).requires_grad_()
            with pretended.counting() as counts:
                fed_back(model, x, steps)[0].sum().backward()
            assert counts.totals()["waits"] == 0
            totals.append(counts.launches.total())
        launches[backend] = (totals[1] - totals[0]) / 5
    assert launches["auto"] < launches["reference"]
