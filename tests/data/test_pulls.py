"""Pulls make single gradients noisy and all gradients together none."""

import pytest
import torch

from seqvision.data import PullData
from seqvision.errors import UserError


def test_all_examples_together_pull_nowhere_and_batches_less_the_larger_they_are():
    data = PullData(examples=400, noise=2.0, seed=3)
    pulls = torch.stack([record.pull for record in data.records["train"]])
    torch.testing.assert_close(pulls.mean(dim=0), torch.zeros(2), atol=1e-6, rtol=0)
    assert 1.8 < pulls.std() < 2.2
    assert 0.3 < pulls.view(16, 25, 2).mean(dim=1).std() < 0.5  # 2 / √25
    assert not data.records["val"][0].pull.any()


def test_the_same_seed_draws_the_same_and_another_others():
    first, again, other = (PullData(examples=5, noise=1.0, seed=seed).records["train"] for seed in (0, 0, 1))
    assert all(torch.equal(a.pull, b.pull) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].pull, other[0].pull)


def test_wrong_settings_are_said():
    with pytest.raises(UserError, match="noise -1"):
        PullData(noise=-1)
