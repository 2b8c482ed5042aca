"""Several processes give what one gives."""

from pathlib import Path

import numpy as np
import pytest
import torch
from training import SMALL, find, finish, record, train

TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
EXACT = [
    "model.dropout=0.0",
    "optimizer=sgd",  # its steps are proportional to the gradient: a wrong scale cannot hide
    "optimizer.lr=0.003",  # .01, and rounding errors grow to 2e-4 on some processors
    "trainer.max_epochs=3",
    "trainer.accelerator=cpu",
    "rnn.hidden_size=16",
]


@pytest.mark.slow
def test_two_processes_equal_one_with_the_same_global_batch(tmp_path):
    """Ragged captions, accumulated batches, a validation set that does not divide evenly."""
    overrides = [
        *SMALL,
        "data.counts={train: 96, val: 7}",
        "data.batch_size=8",
        "trainer.accumulate_grad_batches=2",
        *EXACT,
    ]
    _check_that_two_equal_one(tmp_path, overrides)


@pytest.mark.slow
def test_two_processes_equal_one_for_a_classifier(tmp_path):
    """A last batch that is smaller, a validation set that does not divide evenly."""
    overrides = ["pattern=classification", "data=digits", "data.batch_size=256", "data.splits.val=0.0991"]
    _check_that_two_equal_one(tmp_path, [*overrides, *EXACT])


@pytest.mark.slow
def test_two_processes_equal_one_for_a_labeller_in_windows(tmp_path):
    """Each process carries the states of its own rows from window to window, through sequences of any length."""
    _write_recordings(tmp_path / "data")
    overrides = [
        *("pattern=labelling", "data=features", f"data.path={tmp_path / 'data'}", "data.window=6"),
        *("data.batch_size=4", "rnn=gru", "rnn.bidirectional=false", "front.size=8", "data.splits.val=0.4"),
    ]
    _check_that_two_equal_one(tmp_path, [*overrides, *EXACT])


def _write_recordings(folder: Path) -> None:
    """Eleven recordings of 10 to 50 frames in the layout of MS-TCN."""
    draws = np.random.default_rng(0)
    for name in ("features", "groundTruth", "splits"):
        (folder / name).mkdir(parents=True)
    names = [f"r{n}" for n in range(11)]
    for name in names:
        features = np.cumsum(draws.normal(size=(3, int(draws.integers(10, 50)))), axis=1).astype(np.float32)
        np.save(folder / "features" / f"{name}.npy", features)
        labels = np.where(features[0] > 0, "up", "down")
        (folder / "groundTruth" / f"{name}.txt").write_text("\n".join(labels) + "\n")
    (folder / "mapping.txt").write_text("0 up\n1 down\n")
    (folder / "splits" / "train.split1.bundle").write_text("".join(f"{name}.txt\n" for name in names[:9]))
    (folder / "splits" / "test.split1.bundle").write_text("".join(f"{name}.txt\n" for name in names[9:]))


def _check_that_two_equal_one(tmp_path: Path, overrides: list[str]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, trainer in ((one, []), (two, TWO)):
        folder.mkdir()
        finish(train(folder, *overrides, *trainer))
    expected, found = record(one)["scores"], record(two)["scores"]
    assert found == pytest.approx(expected, abs=1e-3)
    weights = [torch.load(find(f, "last.ckpt"), weights_only=True)["state_dict"] for f in (one, two)]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, atol=1e-4, rtol=1e-3, msg=name)
    assert len(list(two.glob("runs/*/*"))) == 1, "every process writes into one folder"


@pytest.mark.slow
def test_multirun_with_processes_of_its_own_is_refused(tmp_path):
    process = train(tmp_path, *SMALL, "--multirun", "seed=0,1", "trainer=ddp", "trainer.devices=2")
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "command of its own" in output
