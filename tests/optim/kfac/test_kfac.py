"""K-FAC's factors are those of the paper's equations, its steps those of the dense matrix."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from watched_net import data, dense, groups, net, squares, watched

from seqvision.errors import UserError
from seqvision.optim import KFAC, LBFGS, Exact, Factored


def test_factors_are_the_means_over_items_of_outer_products():
    model, (x, y) = net(), data()
    kfac = KFAC(model, decay=0.5)
    count = watched(kfac, model, squares(model, x, y))
    kfac.precondition(groups(model), count=count)
    w1, b1 = model[0].weight.detach().numpy(), model[0].bias.detach().numpy()
    w2 = model[2].weight.detach().numpy()
    a1, g1, a2, g2 = np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((2, 2))
    for xi, yi in zip(x.numpy(), y.numpy(), strict=True):  # an item at a time
        h = np.tanh(w1 @ xi + b1)
        out = w2 @ h - yi
        back = (w2.T @ out) * (1 - h**2)
        ones = np.append(xi, 1.0)
        a1, g1 = a1 + np.outer(ones, ones) / 7, g1 + np.outer(back, back) / 7
        a2, g2 = a2 + np.outer(h, h) / 7, g2 + np.outer(out, out) / 7
    for name, expected in {"0": (a1, g1), "2": (a2, g2)}.items():
        for found, factor in zip(kfac.factors[name], expected, strict=True):
            np.testing.assert_allclose(found.numpy(), factor, rtol=1e-10)


def test_factors_are_running_averages_that_begin_with_the_first():
    model, kept = net(), []
    kfac = KFAC(model, decay=0.6, factor_every=1)
    for step in range(4):
        x, y = data(seed=step)
        once = KFAC(model)
        for each in (once, kfac):
            each.precondition(groups(model), count=watched(each, model, squares(model, x, y)))
        kept.append([factor.numpy() for factor in once.factors["0"]])
    for place in (0, 1):
        average = kept[0][place]
        for number, new in enumerate(kept[1:], start=2):
            weight = min(0.6, 1 - 1 / number)
            average = weight * average + (1 - weight) * new[place]
        np.testing.assert_allclose(kfac.factors["0"][place].numpy(), average, rtol=1e-10)


def test_the_exact_inverse_is_the_dense_solution_with_damping():
    model, (x, y) = net(), data()
    kfac = KFAC(model, damping=0.03, kl_clip=None, inverse=Exact())
    count = watched(kfac, model, squares(model, x, y))
    before = kfac.layers["0"].gradient().numpy().copy()
    kfac.precondition(groups(model), count=count)
    a, g = (factor.numpy() for factor in kfac.factors["0"])
    found = kfac.layers["0"].gradient().numpy()
    np.testing.assert_allclose(found, dense(a, g, before, 0.03), rtol=1e-8)
    assert not np.allclose(found, before)


def test_the_factored_inverse_is_the_dense_solution_with_each_factor_damped_in_proportion():
    model, (x, y) = net(), data()
    kfac = KFAC(model, damping=0.03, kl_clip=None, inverse=Factored())
    count = watched(kfac, model, squares(model, x, y))
    before = kfac.layers["0"].gradient().numpy().copy()
    kfac.precondition(groups(model), count=count)
    a, g = (factor.numpy() for factor in kfac.factors["0"])
    pi = np.sqrt((np.trace(a) / len(a)) / (np.trace(g) / len(g)))
    damped = a + pi * np.sqrt(0.03) * np.eye(len(a)), g + np.sqrt(0.03) / pi * np.eye(len(g))
    np.testing.assert_allclose(kfac.layers["0"].gradient().numpy(), dense(*damped, before, 0.0), rtol=1e-8)


def test_where_inputs_and_gradients_are_independent_it_is_the_natural_gradient():
    """Each input with each error: the Fisher matrix is a Kronecker product then, and nothing is approximate."""
    draws = np.random.default_rng(3)
    inputs, errors = draws.normal(size=(6, 3)), draws.normal(size=(5, 2))
    x = torch.from_numpy(np.repeat(inputs, 5, axis=0))
    e = torch.from_numpy(np.tile(errors, (6, 1)))
    model = nn.Sequential(nn.Linear(3, 2)).double()
    kfac = KFAC(model, damping=1e-9, kl_clip=None, inverse=Exact())
    count = watched(kfac, model, lambda: ((model(x) * e).sum(), len(x)))  # whose gradient at the output is e
    gradient = draws.normal(size=(2, 4))  # of whatever loss
    kfac.layers["0"].put(torch.from_numpy(gradient))
    each = np.stack([np.outer(ei, np.append(xi, 1.0)).T.ravel() for xi, ei in zip(x.numpy(), e.numpy(), strict=True)])
    fisher = each.T @ each / len(each)
    natural = np.linalg.solve(fisher, gradient.T.ravel()).reshape(4, 2).T
    kfac.precondition(groups(model), count=count)
    np.testing.assert_allclose(kfac.layers["0"].gradient().numpy(), natural, rtol=1e-6)


def test_whitened_inputs_and_gradients_leave_the_gradient_as_it_is():
    x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).double()
    model = nn.Sequential(nn.Linear(2, 4, bias=False)).double()
    errors = 2 * torch.eye(4).double()  # Σ e eᵀ / 4 = I
    kfac = KFAC(model, damping=1e-12, kl_clip=None)
    count = watched(kfac, model, lambda: ((model(x) * errors).sum(), 4))
    before = model[0].weight.grad.clone()
    kfac.precondition(groups(model), count=count)
    torch.testing.assert_close(model[0].weight.grad, before, atol=1e-5, rtol=1e-5)


def test_a_step_goes_no_further_than_the_clip_allows_and_the_direction_stays():
    model, (x, y) = net(), data()
    ends = []
    for clip in (None, 1e-6):
        kfac = KFAC(model, kl_clip=clip)
        count = watched(kfac, model, squares(model, x, y))
        before = [layer.gradient().clone() for layer in kfac.layers.values()]
        kfac.precondition(groups(model, lr=0.3), count=count)
        ends.append([layer.gradient() for layer in kfac.layers.values()])
    free, held = ends
    lengths = [float(sum((v * g).sum() for v, g in zip(end, before, strict=True))) for end in ends]
    factor = (1e-6 / (0.3**2 * lengths[0])) ** 0.5
    assert factor < 1
    for one, other in zip(free, held, strict=True):
        torch.testing.assert_close(other, factor * one)


def test_intervals_say_when_factors_and_inverses_change():
    model = net()
    kfac, seen = KFAC(model, factor_every=2, invert_every=4), []
    for step in range(8):
        count = watched(kfac, model, squares(model, *data(seed=step)))
        kfac.precondition(groups(model), count=count)
        seen.append((kfac.factors["0"][0].clone(), kfac.inverses["0"][0].clone()))
    factors, inverses = ([not torch.equal(a[i], b[i]) for a, b in pairwise(seen)] for i in (0, 1))
    assert factors == [False, True, False, True, False, True, False]
    assert inverses == [False, False, False, True, False, False, False]


def test_accumulated_batches_are_one():
    model, (x, y) = net(), data(8)
    whole, parts = KFAC(model), KFAC(model)
    whole.precondition(groups(model), count=watched(whole, model, squares(model, x, y)))
    model.zero_grad()
    for rows in (slice(0, 3), slice(3, 8)):
        with parts.watching():
            loss, _ = squares(model, x[rows], y[rows])()
        (loss / 2).backward()  # as Lightning does
    parts.precondition(groups(model), count=torch.tensor(8.0), parts=2)
    for name, factors in whole.factors.items():
        for one, other in zip(factors, parts.factors[name], strict=True):
            torch.testing.assert_close(one, other)


def test_what_diverges_is_said_with_what_to_do():
    model, (x, y) = net(), data()
    kfac = KFAC(model)
    count = watched(kfac, model, squares(model, x, y * float("nan")))
    with pytest.raises(UserError, match=r"cannot be inverted in step 0.*diverges.*optimizer\.lr"):
        kfac.precondition(groups(model), count=count)


def test_bad_values_optimisers_precisions_and_checkpoints_are_refused():
    model = net()
    for wrong in ({"damping": 0}, {"decay": 1.0}, {"factor_every": 0}):
        with pytest.raises(UserError, match="expected a damping above 0"):
            KFAC(model, **wrong)
    with pytest.raises(UserError, match="no trained layer"):
        KFAC(nn.LayerNorm(3))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    KFAC.check(sgd, precision="bf16-mixed")
    with pytest.raises(UserError, match=r"found LBFGS.*optimizer=sgd"):
        KFAC.check(LBFGS(model.parameters()), precision="32-true")
    with pytest.raises(UserError, match=r"trainer\.precision=16-mixed"):
        KFAC.check(sgd, precision="16-mixed")
    with pytest.raises(UserError, match="written without one"):
        KFAC(model).load_state_dict(None)
    with pytest.raises(UserError, match=r"differing: 0, 1, 2"):
        KFAC(net()).load_state_dict(KFAC(nn.Sequential(nn.Tanh(), nn.Linear(2, 2))).state_dict())
