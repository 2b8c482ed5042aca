"""λR(W): its value, and what it leaves alone."""

import pytest
import torch
from torch import nn

from seqvision.losses import ElasticNet

pytestmark = pytest.mark.usefixtures("float64")


def test_it_is_the_sum_over_matrices_and_filters():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3), nn.Linear(3, 3).requires_grad_(False))
    weights = [model[0].weight, model[2].weight]
    expected = sum(0.2 * float(w.detach().abs().sum()) + 0.7 * float(w.detach().square().sum()) for w in weights)
    penalty = ElasticNet(l1=0.2, l2=0.7)(model)
    penalty.backward()
    assert float(penalty.detach()) == pytest.approx(expected, rel=1e-5)
    for weight in weights:
        assert torch.allclose(weight.grad, 0.2 * weight.sign() + 1.4 * weight.detach())
    assert model[1].weight.grad is None
    assert model[0].bias.grad is None
