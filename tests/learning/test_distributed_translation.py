"""Several processes give what one gives, for sentences as for pictures."""

import pytest
import torch
from training import find, finish, record, train


@pytest.mark.slow
def test_two_processes_translate_as_one_with_the_same_global_batch(tmp_path):
    """Ragged sentences sorted by length, accumulated batches, a validation set that does not divide evenly."""
    overrides = [
        "pattern=translation",
        "data.sizes={train: 96, val: 7}",
        "data.batch_size=8",
        "rnn.hidden_size=16",
        "trainer.accumulate_grad_batches=2",
        "trainer.max_epochs=3",
        "model.dropout=0.0",
        "decoding.max_length=8",
        "optimizer=sgd",  # its steps are proportional to the gradient: a wrong scale cannot hide
        "optimizer.lr=0.01",
    ]
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, trainer in (
        (one, ["trainer=cpu"]),
        (two, ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]),
    ):
        folder.mkdir()
        finish(train(folder, *overrides, *trainer))
    assert record(two)["scores"] == pytest.approx(record(one)["scores"], abs=1e-3)
    weights = [torch.load(find(f, "last.ckpt"), weights_only=True)["state_dict"] for f in (one, two)]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, atol=1e-4, rtol=1e-3, msg=name)
