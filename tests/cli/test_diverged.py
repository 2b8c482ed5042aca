"""A training whose weights are not finite at its end says so, and its model is not used by mistake."""

import pytest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_training_that_ends_without_finite_weights_says_so(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["pattern=classification", "rnn.hidden_size=8", "front.size=6", "data.take={train: 64, val: 32}"]
    settings = ["optimizer.lr=1e30", "trainer.max_epochs=2", "trainer.accelerator=cpu", "hydra.run.dir=run"]
    found = run("train", *small, *settings)
    assert "seqvision: the training diverged: the weights in" in found.err
    refused = run("evaluate", "--checkpoint", "run/last.ckpt")
    assert refused.status == 2
    assert "are not finite" in refused.err
    looked_at = run("evaluate", "--checkpoint", "run/last.ckpt", "--allow-nonfinite", "--no-controls", "--bootstrap", 0)
    assert "are not finite" not in looked_at.err
