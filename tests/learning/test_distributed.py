"""Several processes give what one gives."""

import pytest
import torch
from training import SMALL, find, finish, record, train


@pytest.mark.slow
def test_two_processes_equal_one_with_the_same_global_batch(tmp_path):
    """Ragged captions, accumulated batches, a validation set that does not divide evenly."""
    overrides = [
        *SMALL,
        "data.counts={train: 96, val: 7}",
        "data.batch_size=8",
        "trainer.accumulate_grad_batches=2",
        "trainer.max_epochs=3",
        "model.dropout=0.0",
        "optimizer=sgd",  # its steps are proportional to the gradient: a wrong scale cannot hide
        "optimizer.lr=0.01",  # more, and rounding errors grow to 1e-3 within twenty steps
    ]
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, trainer in ((one, []), (two, ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"])):
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
