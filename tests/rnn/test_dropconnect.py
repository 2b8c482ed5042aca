"""What is left out of a pass stays out through all its steps, on every path, and counts in the mean."""

import copy

import pytest
import torch
from torch import nn

from seqvision.rnn import DropConnect, ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, Recurrent

pytestmark = pytest.mark.usefixtures("float64")
CELLS = [ElmanCell, LayerNormElmanCell, LSTMCell, LayerNormLSTMCell, GRUCell]


def network(cell=ElmanCell, **settings):
    torch.manual_seed(0)
    return Recurrent(cell, 5, 8, **{"dropconnect": 0.5, **settings})


def test_the_mean_over_what_is_left_out_is_the_output_with_all_weights():
    torch.manual_seed(0)
    linear, x = nn.Linear(12, 4), torch.randn(3, 12)
    dropped = DropConnect.of(linear, 0.4)
    draws = []
    for _ in range(4000):
        dropped.redraw()
        draws.append(dropped(x).detach())
    error = torch.stack(draws).std(dim=0) / 4000**0.5
    assert ((torch.stack(draws).mean(dim=0) - linear(x)).abs() < 5 * error).all()
    assert torch.equal(dropped.eval()(x), linear(x))


def test_a_draw_stays_until_the_next_and_trains_what_is_left():
    torch.manual_seed(0)
    dropped = DropConnect(30, 20, p=0.3)
    matrix = dropped.matrix
    assert dropped.matrix is matrix
    kept = matrix != 0
    assert 0.6 < float(kept.float().mean()) < 0.8
    assert torch.allclose(matrix[kept], dropped.weight[kept] / 0.7)
    dropped(torch.randn(2, 30)).square().sum().backward()
    assert torch.equal(dropped.weight.grad != 0, kept)
    dropped.redraw()
    assert not torch.equal(dropped.matrix != 0, kept)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_fast_paths_leave_out_what_the_reference_does(cell, bidirectional):
    x, lengths = torch.randn(3, 6, 5), torch.tensor([6, 2, 4])
    found = {}
    for backend in ("reference", "auto"):
        model = network(cell, bidirectional=bidirectional, backend=backend, num_layers=2)
        torch.manual_seed(3)
        outputs, _ = model(x, lengths)
        outputs.square().sum().backward()
        found[backend] = outputs, [parameter.grad for parameter in model.parameters()]
    torch.testing.assert_close(found["auto"][0], found["reference"][0])
    for auto, reference in zip(found["auto"][1], found["reference"][1], strict=True):
        torch.testing.assert_close(auto, reference)
    without = network(cell, bidirectional=bidirectional, num_layers=2).eval()(x, lengths)[0]
    assert not torch.allclose(found["auto"][0], without, atol=1e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_all_steps_of_a_pass_share_what_is_left_out(cell):
    model = network(cell, backend="reference")
    x = torch.randn(2, 4, 5)
    outputs, _ = model(x)
    plain = network(cell, dropconnect=0.0, backend="reference")
    with torch.no_grad():
        plain.cells[0].hidden_to_hidden.weight.copy_(model.cells[0].hidden_to_hidden.matrix)
    torch.testing.assert_close(plain(x)[0], outputs)


def test_a_pass_begins_with_a_draw_whether_it_runs_at_once_or_by_steps():
    model = network()
    x = torch.randn(2, 5)
    draws = []
    for _ in range(2):
        state = model.initial_state(2)
        draws.append(model.cells[0].hidden_to_hidden.matrix)
        for _ in range(3):
            _, state = model.step(x, state)
            assert model.cells[0].hidden_to_hidden.matrix is draws[-1]
    model(x.unsqueeze(1))
    draws.append(model.cells[0].hidden_to_hidden.matrix)
    assert len({tuple((draw != 0).flatten().tolist()) for draw in draws}) == 3


def test_a_network_in_the_middle_of_a_pass_can_be_copied():
    model = network()
    model(torch.randn(2, 3, 5))[0].sum().backward()
    copied = copy.deepcopy(model).eval()
    assert torch.equal(copied(torch.ones(1, 2, 5))[0], model.eval()(torch.ones(1, 2, 5))[0])


def test_locked_dropout_is_one_draw_for_all_steps_of_a_sequence():
    torch.manual_seed(0)
    model = Recurrent(ElmanCell, 5, 64, num_layers=2, dropout=0.5, locked=True)
    seen = []
    project = model.cells[1].project
    model.cells[1].project = lambda x: (seen.append(x), project(x))[1]
    model.backend = "reference"
    model(torch.randn(3, 7, 5))
    absent = seen[0] == 0
    assert torch.equal(absent.all(dim=1), absent.any(dim=1))  # at every step, or at none
    assert 0.35 < float(absent[:, 0].float().mean()) < 0.65
    assert not torch.equal(absent[0, 0], absent[1, 0])  # each sequence its own
    seen.clear()
    state = model.initial_state(3)
    for _ in range(4):
        _, state = model.step(torch.randn(3, 5), state)
    absent = torch.stack(seen, dim=1) == 0
    assert torch.equal(absent.all(dim=1), absent.any(dim=1))
    free = Recurrent(ElmanCell, 5, 64, num_layers=2, dropout=0.5, backend="reference")
    free.load_state_dict(model.state_dict())
    assert torch.equal(free.eval()(torch.ones(1, 3, 5))[0], model.eval()(torch.ones(1, 3, 5))[0])
