"""Several processes read and paint pictures as one does, as far as their draws are the same."""

import math

import pytest
import torch
from training import find, finish, record, train

TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
READING = ["pattern=reading", "data.batch_size=256", "data.splits.val=0.0991", "rnn.hidden_size=16", "model.looks=2"]
STEADY = ["optimizer=sgd", "optimizer.lr=0.01", "trainer.max_epochs=3", "trainer.accelerator=cpu"]


def run(folder, *overrides):
    folder.mkdir()
    finish(train(folder, *overrides))
    return record(folder)["scores"], torch.load(find(folder, "last.ckpt"), weights_only=True)["state_dict"]


@pytest.mark.slow
def test_two_processes_equal_one_where_nothing_is_drawn(tmp_path):
    """A reader that always looks at the centre, whose locator nothing trains; a last batch that is smaller."""
    overrides = [*READING, *STEADY, "model.policy=centre"]
    expected, weights = run(tmp_path / "one", *overrides)
    found, others = run(tmp_path / "two", *overrides, *TWO)
    assert found == pytest.approx(expected, abs=1e-3)
    for name, weight in weights.items():
        torch.testing.assert_close(others[name], weight, atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        [*READING, "model.policy=learnt", "augmentation=jitter"],
        [*READING, "model.policy=random"],
        ["pattern=painting", "data.batch_size=256", "model.steps=2", "rnn.hidden_size=16"],
    ],
    ids=["learnt looks", "random looks", "painted"],
)
def test_two_processes_learn_together_what_each_draws_for_itself(tmp_path, overrides):
    """Each process draws its own looks or latents; their steps are one, so that their weights stay the same, which
    Lightning's own check of the ranks' configurations and the run's end need."""
    scores, weights = run(tmp_path / "two", *overrides, "trainer.max_epochs=3", *TWO)
    assert all(math.isfinite(score) for score in scores.values())
    assert all(bool(weight.isfinite().all()) for weight in weights.values() if weight.is_floating_point())
    one, _ = run(tmp_path / "one", *overrides, "trainer.max_epochs=3", "trainer=cpu")
    assert scores["val/loss" if "val/loss" in scores else "val/nats"] == pytest.approx(
        one["val/loss" if "val/loss" in one else "val/nats"], rel=0.1
    )
