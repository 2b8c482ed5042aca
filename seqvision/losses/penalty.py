"""Penalties on weights, λR(W), beside any loss."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ElasticNet(nn.Module):
    """l1 Σ|w| + l2 Σw² over a network's trainable matrices and filters; gains and biases are left alone.

    l2 with l1 = 0 is ridge regression's penalty, l1 with l2 = 0 the lasso's, both are the elastic net's (Zou and
    Hastie, "Regularization and variable selection via the elastic net", 2005, equation 3). Unlike a weight decay that
    an optimiser decouples from the gradient, a penalty is part of the loss: what scales a gradient scales it too.
    """

    def __init__(self, *, l1: float | int = 0.0, l2: float | int = 0.0):
        super().__init__()
        self.l1, self.l2 = l1, l2

    def forward(self, model: nn.Module) -> Float[Tensor, ""]:
        total = torch.zeros((), device=next(model.parameters()).device)
        for weight in penalised(model):
            if self.l1:
                total = total + self.l1 * weight.abs().sum()
            if self.l2:
                total = total + self.l2 * weight.square().sum()
        return total


def penalised(model: nn.Module) -> Iterator[nn.Parameter]:
    """The trainable parameters of two or more axes."""
    return (weight for weight in model.parameters() if weight.requires_grad and weight.dim() > 1)
