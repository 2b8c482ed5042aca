"""CONTRIBUTING's steps for a new cell and a new pattern, followed from outside the package."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from training import SMALL

from seqvision.cli import main
from seqvision.cli.patterns import PATTERNS
from seqvision.inference import load_model
from seqvision.rnn import ElmanCell, Recurrent

FIFTH = Path(__file__).resolve().parent / "fifth_pattern"

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


@pytest.fixture
def fifth_pattern(tmp_path, monkeypatch):
    """The folder of a pattern of one's own, its module to be found by name; commands run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(FIFTH)
    yield FIFTH
    sys.modules.pop("wave_rates", None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_fifth_pattern_is_trained_used_and_scored(fifth_pattern, monkeypatch, capsys):
    own = ["--config-dir", str(fifth_pattern / "conf"), "pattern=rating"]
    settings = ["rnn.hidden_size=16", "optimizer.lr=1e-2", "trainer.max_epochs=6", "trainer.accelerator=cpu"]
    assert main(["train", *own, *settings, "hydra.run.dir=run"]) == 0
    assert "waves: 320 train, 40 val, 40 test" in capsys.readouterr().out

    import wave_rates

    loaded = load_model("run", wave_rates.LoadedWaveRate, trust=["wave_rates"])
    assert loaded.unit == "in 100 steps"

    evaluate = ["evaluate", "--checkpoint", "run", "--trust", "wave_rates", "--format", "json", "--bootstrap", "50"]
    assert main(evaluate) == 2
    assert "a model for 'rating'" in capsys.readouterr().err
    monkeypatch.setitem(PATTERNS, "rating", wave_rates.RatingPattern)
    assert main(evaluate) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["scores"]["distance"] < 0.5 * found["controls"]["majority"]["distance"]
    assert found["intervals"]["distance"][0] < found["scores"]["distance"] < found["intervals"]["distance"][1]


def test_padding_of_a_fifth_pattern_changes_nothing(fifth_pattern):
    import wave_rates

    data = wave_rates.WaveData({"train": 4, "val": 4})
    model = wave_rates.WaveRate(partial(Recurrent, ElmanCell, hidden_size=4), **data.model_sizes())
    batch = wave_rates.wave_batch(data.records["train"])
    wider = torch.nn.functional.pad(batch.values, (0, 7))
    torch.testing.assert_close(model(wider, batch.lengths), model(batch.values, batch.lengths))
