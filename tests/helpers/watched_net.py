"""A small network that K-FAC watches, and the dense step to compare its own with."""

import numpy as np
import torch
from torch import nn


def watched(kfac, model, loss_of):
    """The summed loss and gradients of the mean over as many items as `loss_of` says."""
    model.zero_grad()
    with kfac.watching():
        loss, count = loss_of()
    loss.backward()
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= count
    return torch.tensor(float(count))


def groups(model, lr=1.0):
    """The parameters as an optimiser holds them."""
    return [{"params": list(model.parameters()), "lr": lr}]


def dense(a, g, gradient, damping):
    """(A ⊗ G + λI)⁻¹ vec(gradient), solved as one system; vec puts column under column."""
    matrix = np.kron(a, g) + damping * np.eye(len(a) * len(g))
    return np.linalg.solve(matrix, gradient.T.ravel()).reshape(gradient.shape[::-1]).T


def net(seed=0):
    """Two layers, the first with a bias."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False)).double()


def squares(model, x, y):
    """What `watched` asks for: half the summed squares, and the number of items."""
    return lambda: (0.5 * (model(x) - y).square().sum(), len(x))


def data(rows=7, seed=1):
    """Inputs and targets of `net`."""
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 3, generator=draws).double(), torch.randn(rows, 2, generator=draws).double()
