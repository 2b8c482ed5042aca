"""Shampoo and SOAP are those of their papers; without the package a person is told what to type."""

import importlib.util
from functools import partial

import numpy as np
import pytest
import torch

from seqvision.errors import UserError
from seqvision.optim import shampoo, soap

STEPS = 50
RATES = [0.05 * (1 + 0.5 * np.sin(0.4 * t)) for t in range(STEPS)]
DRAWS = np.random.default_rng(1)
X, Y, START = DRAWS.normal(size=(12, 4)), DRAWS.normal(size=(12, 3)), DRAWS.normal(size=(3, 4))


def gradient(w):
    """That of Σ log cosh(X Wᵀ − Y)."""
    return np.tanh(X @ w.T - Y).T @ X


def path(make):
    """The matrix after each of torch's steps."""
    parameter = torch.nn.Parameter(torch.from_numpy(START.copy()))
    optimizer, seen = make([parameter], lr=RATES[0]), []
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = torch.from_numpy(gradient(parameter.detach().numpy()))
        optimizer.step()
        seen.append(parameter.detach().numpy().copy())
    return seen


def root(matrix, power):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**power @ vectors.T


def test_fifty_steps_of_shampoo_are_those_of_its_algorithm():
    pytest.importorskip("pytorch_optimizer", reason="optimizer=shampoo is an extra")
    w, left, right = START, 1e-6 * np.eye(3), 1e-6 * np.eye(4)
    for rate, found in zip(RATES, path(shampoo), strict=True):
        g = gradient(w)
        left, right = left + g @ g.T, right + g.T @ g
        w = w - rate * root(left, -0.25) @ g @ root(right, -0.25)
        np.testing.assert_allclose(found, w, atol=1e-6)
    assert np.abs(w - START).max() > 0.1


def refreshed(matrix, basis, order):
    """One step of power iteration from a basis, its columns in an order, orthogonal again."""
    return np.linalg.qr((matrix @ basis)[:, order])[0]


def test_fifty_steps_of_soap_are_those_of_its_algorithm():
    pytest.importorskip("pytorch_optimizer", reason="optimizer=soap is an extra")
    b, decay, w = 0.95, 0.01, START
    m, v, left, right = np.zeros((3, 4)), np.zeros((3, 4)), np.zeros((3, 3)), np.zeros((4, 4))
    p, q = np.eye(3), np.eye(4)  # until the first gradient
    found = path(partial(soap, weight_decay=decay, precondition_frequency=10))
    for t, rate in enumerate(RATES):
        g = gradient(w)
        if t:
            m, v = b * m + (1 - b) * g, b * v + (1 - b) * (p.T @ g @ q) ** 2
            adam = (p.T @ m @ q) / (np.sqrt(v) + 1e-8)
            w = w - rate * np.sqrt(1 - b**t) / (1 - b**t) * p @ adam @ q.T
            w = w * (1 - rate * decay)
        left, right = b * left + (1 - b) * g @ g.T, b * right + (1 - b) * g.T @ g
        if not t:
            p, q = np.linalg.eigh(left)[1][:, ::-1], np.linalg.eigh(right)[1][:, ::-1]
        elif t % 10 == 0:
            rows, columns = (
                np.argsort(-((basis * (matrix @ basis)).sum(axis=0))) for matrix, basis in ((left, p), (right, q))
            )
            v = v[rows][:, columns]  # each number stays with its direction
            p, q = refreshed(left, p, rows), refreshed(right, q, columns)
        np.testing.assert_allclose(found[t], w, atol=1e-5)
    assert np.abs(w - START).max() > 0.1


@pytest.mark.parametrize(("make", "name"), [(shampoo, "shampoo"), (soap, "soap")])
def test_a_missing_package_is_said_with_the_command(make, name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=rf"optimizer={name}: .*pip install 'seqvision\[preconditioned\]'"):
        make([torch.nn.Parameter(torch.zeros(1))])
