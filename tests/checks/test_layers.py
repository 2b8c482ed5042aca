"""What is seen of layers: their outputs and gradients as they are, dead and saturated units counted."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seqvision.checks import histogram, record_layers
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, Recurrent


class Mixed(nn.Module):
    """Modules and mere calls, a loop over one layer, and one unit that is dead."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 6)
        self.squash = nn.Tanh()
        self.first.weight.data[2], self.first.bias.data[2] = 0.0, -1.0

    def forward(self, x):
        x = torch.relu(self.first(x))
        for _ in range(3):
            x = self.squash(self.second(x))
        return F.relu(x).sum()


def test_every_layer_once_in_order_with_the_very_numbers():
    torch.manual_seed(0)
    made, x = Mixed(), torch.randn(50, 4)
    found = record_layers(made, lambda: made(x))
    assert all(parameter.grad is None for parameter in made.parameters())
    assert [(each.name, each.kind) for each in found] == [
        ("first", "linear"),
        ("network: relu", "relu"),
        ("second", "linear"),
        ("squash", "tanh"),
        ("network: relu 2", "relu"),
    ]
    first, rectified, second, squashed, _ = found
    expected = made.first(x).detach()
    np.testing.assert_allclose(np.sort(first.values), np.sort(expected.flatten().numpy()), rtol=1e-6)
    assert rectified.zeros == pytest.approx(float((expected <= 0).float().mean()))
    assert rectified.dead == pytest.approx(1 / 6)
    assert len(second.values) == len(squashed.values) == 3 * 50 * 6

    h = torch.relu(made.first(x)).detach().requires_grad_()
    rest = h
    for _ in range(3):
        rest = made.squash(made.second(rest))
    F.relu(rest).sum().backward()
    np.testing.assert_allclose(np.sort(rectified.gradients), np.sort(h.grad.flatten().numpy()), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        (ElmanCell, ["state"]),
        (LayerNormElmanCell, ["state"]),
        (LSTMCell, ["forget gate", "input gate", "candidate", "output gate", "memory"]),
        (LayerNormLSTMCell, ["forget gate", "input gate", "candidate", "output gate", "memory"]),
        (GRUCell, ["update gate", "reset gate", "candidate"]),
    ],
)
def test_gates_are_told_apart_and_called_by_name(cell, names):
    made = Recurrent(cell, 3, 5)
    if cell is LSTMCell:  # one gate pushed to each end
        made.cells[0].input_to_hidden.bias.data[5:10] = 50.0
    found = record_layers(made, lambda: made(torch.randn(4, 7, 3))[0].sum())
    gates = {each.name: each for each in found if ": " in each.name}
    assert list(gates) == [f"cells.0: {name}" for name in names]
    assert made.backend == "auto"
    assert "step" not in vars(made.cells[0])
    if cell is LSTMCell:
        assert gates["cells.0: forget gate"].saturated == 1.0
        assert gates["cells.0: input gate"].saturated < 0.2


def test_saturation_and_channels():
    made = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU())
    made[0].weight.data[:] = torch.tensor([1.0, -1.0, 1.0]).view(3, 1, 1, 1)
    made[0].bias.data[:] = torch.tensor([0.0, 0.0, -100.0])
    _, rectified = record_layers(made, lambda: made(torch.rand(2, 1, 4, 4)).sum())
    assert rectified.dead == pytest.approx(2 / 3)  # one is negative for rand(), one is far below 0
    squash = nn.Tanh()
    (seen,) = record_layers(squash, lambda: squash(torch.tensor([0.0, 9.0, -9.0, 1.0])) is None or None)
    assert seen.saturated == 0.5
    assert seen.gradient_deviation is None


def test_histograms_hold_every_value_and_survive_a_constant_one():
    values = np.random.default_rng(0).normal(size=5000)
    found = histogram(values, bins=20)
    assert sum(found["counts"]) == 5000
    assert len(found["edges"]) == 21
    assert sum(histogram(np.zeros(7))["counts"]) == 7
