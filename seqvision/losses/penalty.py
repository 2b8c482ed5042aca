"""Which parameters of a network are its weights, and penalties on them, λR(W), beside any loss."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trainable parameters, by name, that multiply what goes through a network: matrices, filters, embeddings.

    The one rule for weight decay, penalties and checks: two or more axes, and `weight` in the name, as torch's own
    layers have it. So gains and biases are none whatever their shape, nor is what is added to a state, a canvas or a
    map: learnt initial states, first canvases, embeddings of places.
    """
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.dim() > 1 and "weight" in name.rpartition(".")[2]
    }


class ElasticNet(nn.Module):
    """l1 Σ|w| + l2 Σw² over a network's weights (`weights_of`); gains, biases and initial states are left alone.

    l2 with l1 = 0 is ridge regression's penalty, l1 with l2 = 0 the lasso's, both are the elastic net's (Zou and
    Hastie, "Regularization and variable selection via the elastic net", 2005, equation 3). Unlike a weight decay that
    an optimiser decouples from the gradient, a penalty is part of the loss: what scales a gradient scales it too.
    """

    def __init__(self, *, l1: float | int = 0.0, l2: float | int = 0.0):
        super().__init__()
        self.l1, self.l2 = l1, l2

    def forward(self, model: nn.Module) -> Float[Tensor, ""]:
        total = torch.zeros((), device=next(model.parameters()).device)
        for weight in weights_of(model).values():
            if self.l1:
                total = total + self.l1 * weight.abs().sum()
            if self.l2:
                total = total + self.l2 * weight.square().sum()
        return total
