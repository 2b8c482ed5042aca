"""CONTRIBUTING's steps for a new cell, followed from outside the package: train with it, then caption with it."""

import sys

import pytest
from training import SMALL

from seqvision.cli import main

CELL = '''
"""A cell of a user's own: the Elman recurrence with a leak."""
import torch
from torch import nn
from seqvision.rnn import Cell


class LeakyCell(Cell):
    """h' = (1 - a) h + a tanh(W_ih x + W_hh h)."""

    def __init__(self, input_size, hidden_size, leak=0.5):
        super().__init__(input_size, hidden_size)
        self.input_to_hidden = nn.Linear(input_size, hidden_size)
        self.hidden_to_hidden = nn.Linear(hidden_size, hidden_size)
        self.leak = leak

    def project(self, x):
        return self.input_to_hidden(x)

    def step(self, projected, state):
        return (1 - self.leak) * state + self.leak * torch.tanh(projected + self.hidden_to_hidden(state))
'''

RNN = """
_target_: seqvision.rnn.Recurrent
_partial_: true
cell:
  _target_: leaky_cells_of_mine.LeakyCell
  _partial_: true
  leak: 0.3
hidden_size: 16
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_cell_of_ones_own(tmp_path, monkeypatch, capsys):
    (tmp_path / "leaky_cells_of_mine.py").write_text(CELL)
    (tmp_path / "conf" / "rnn").mkdir(parents=True)
    (tmp_path / "conf" / "rnn" / "leaky.yaml").write_text(RNN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    settings = ["data.counts={train: 16, val: 4}", "trainer.max_epochs=1", "hydra.run.dir=run"]
    assert main(["train", "--config-dir", "conf", *SMALL, *settings, "rnn=leaky"]) == 0
    caption = ["caption", "--checkpoint", "run", "data/scenes/val"]
    capsys.readouterr()
    assert main(caption) == 2
    assert "--trust leaky_cells_of_mine" in capsys.readouterr().err
    assert main([*caption, "--trust", "leaky_cells_of_mine"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    sys.modules.pop("leaky_cells_of_mine")
