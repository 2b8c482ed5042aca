"""Newton's method and BFGS are those of the book; what is too large for them is refused."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from seqvision.errors import UserError
from seqvision.optim import BFGS, Newton, build_optimizer
from seqvision.optim.newton import hessian_of

DRAWS = np.random.default_rng(0)
ROOT = DRAWS.normal(size=(5, 5))
MATRIX = ROOT @ ROOT.T + 0.5 * np.eye(5)
TARGET = DRAWS.normal(size=5)
START = DRAWS.normal(size=5)


def quadratic(w):
    return 0.5 * (w - TARGET) @ MATRIX @ (w - TARGET), MATRIX @ (w - TARGET)


def cosh(w):
    """Σ scale · log cosh(w) and its gradient."""
    scales = np.array([1.0, 4.0, 9.0, 0.5, 2.0])
    return scales @ np.log(np.cosh(w)), scales * np.tanh(w)


def closures(parameter, of):
    """What an optimiser evaluates: the loss of a function over torch's tensors, with gradient, and with graph."""

    def closure():
        parameter.grad = None
        loss = of(parameter)
        loss.backward()
        return loss

    return closure, lambda: (of(parameter), torch.ones(()))


def t_quadratic(w):
    away = w - torch.from_numpy(TARGET)
    return 0.5 * away @ torch.from_numpy(MATRIX) @ away


def rosenbrock(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def doubles(values):
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def test_newton_solves_a_quadratic_in_one_step():
    parameter = doubles(START)
    closure, graph = closures(parameter, t_quadratic)
    before = Newton([parameter]).step(closure, graph)
    assert before == pytest.approx(quadratic(START)[0])
    np.testing.assert_allclose(parameter.detach().numpy(), TARGET, atol=1e-9)


def test_newton_s_steps_are_those_of_the_modified_hessian_and_leave_a_saddle_downhill():
    """f = x⁴/4 − x²/2 + 0.0001 y² / 2: at x = 0.1 it curves downward, and along y hardly at all."""
    parameter = doubles([0.1, 2.0])
    closure, graph = closures(parameter, lambda w: w[0] ** 4 / 4 - w[0] ** 2 / 2 + 0.5e-4 * w[1] ** 2)
    optimizer = Newton([parameter], damping=1e-2)
    optimizer.step(closure, graph)
    gradient, curvature = np.array([0.1**3 - 0.1, 2e-4]), np.array([3 * 0.01 - 1, 1e-4])
    step = -gradient / np.maximum(np.abs(curvature), 1e-2)
    moved = parameter.detach().numpy() - [0.1, 2.0]
    np.testing.assert_allclose(moved / step, np.full(2, moved[0] / step[0]), rtol=1e-9)
    assert moved[0] > 0, "Newton's own step goes up, to the maximum at 0"
    for _ in range(20):
        optimizer.step(closure, graph)
    assert parameter.tolist()[0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("make", "steps"), [(Newton, 40), (partial(BFGS, max_iter=1), 60)], ids=["newton", "bfgs"])
def test_the_end_of_the_narrow_valley_is_reached_downhill_all_the_way(make, steps):
    parameter = doubles([-1.2, 1.0])
    closure, graph = closures(parameter, rosenbrock)
    optimizer = make([parameter])
    arguments = (closure, graph) if make is Newton else (closure,)
    losses = [optimizer.step(*arguments) for _ in range(steps)]
    assert losses[0] == pytest.approx(24.2)
    assert all(after <= before for before, after in pairwise(losses))
    np.testing.assert_allclose(parameter.detach().numpy(), [1.0, 1.0], atol=1e-5)


def wolfe(f, x, direction, first):
    """The first point of the doubling and halving that meets both conditions."""
    loss, gradient = f(x)
    slope, low, high, t = gradient @ direction, 0.0, np.inf, first
    while True:
        after, there = f(x + t * direction)
        if after > loss + 1e-4 * t * slope:
            high = t
        elif there @ direction < 0.9 * slope:
            low = t
        else:
            return x + t * direction
        t = (low + high) / 2 if np.isfinite(high) else 2 * low


@pytest.mark.parametrize("f", [quadratic, cosh], ids=["quadratic", "log cosh"])
def test_bfgs_takes_the_path_of_its_algorithm_at_a_changing_rate(f):
    rates = [1 + 0.3 * np.sin(0.5 * t) for t in range(30)]
    parameter = doubles(START)
    scales = torch.tensor([1.0, 4.0, 9.0, 0.5, 2.0], dtype=torch.float64)
    of = t_quadratic if f is quadratic else lambda w: scales @ torch.log(torch.cosh(w))
    closure, _ = closures(parameter, of)
    optimizer = BFGS([parameter], max_iter=1)
    x, h, eye = START, None, np.eye(5)
    for rate in rates:
        gradient = f(x)[1]
        if np.abs(gradient).max() <= 1e-7:
            break
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step(closure)
        direction = -gradient if h is None else -h @ gradient
        new = wolfe(f, x, direction, rate * (min(1.0, 1 / np.abs(gradient).sum()) if h is None else 1.0))
        s, y = new - x, f(new)[1] - gradient
        h = eye * (y @ s) / (y @ y) if h is None else h
        rho = 1 / (y @ s)
        h = (eye - rho * np.outer(s, y)) @ h @ (eye - rho * np.outer(y, s)) + rho * np.outer(s, s)
        x = new
        np.testing.assert_allclose(parameter.detach().numpy(), x, atol=1e-6)
        np.testing.assert_allclose(optimizer.kept["inverse"].numpy(), h, rtol=1e-3, atol=1e-6)
    known = minimize(lambda w: f(w)[0], START, jac=lambda w: f(w)[1], method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(x, known.x, atol=1e-6)


def test_bfgs_learns_the_inverse_of_a_quadratic_s_hessian():
    parameter = doubles(START)
    optimizer = BFGS([parameter], max_iter=40, tolerance=1e-10)
    optimizer.step(closures(parameter, t_quadratic)[0])
    learnt, usual = optimizer.kept["inverse"].numpy(), np.eye(5) / np.linalg.eigvalsh(MATRIX).mean()
    off, usually = (np.linalg.norm(matrix @ MATRIX - np.eye(5), ord=2) for matrix in (learnt, usual))
    assert off < 0.2 < 0.25 * usually


def test_where_nothing_goes_down_the_weights_stay():
    parameter = doubles([1.0, 2.0])

    def closure():  # a gradient that is wrong
        parameter.grad = torch.tensor([1.0, 0.0], dtype=torch.float64)
        return torch.tensor(float(-parameter.detach()[0]))

    BFGS([parameter]).step(closure)
    assert parameter.tolist() == [1.0, 2.0]


def test_the_hessian_is_that_of_finite_differences():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.LayerNorm(1)
    ).double()  # the last: no gradient
    x, weights = torch.randn(6, 2).double(), list(model[:3].parameters())
    loss = lambda: model[:3](x).square().sum() + weights[0].pow(3).sum()  # noqa: E731
    hessian = hessian_of(loss(), [*weights, *model[3].parameters()], rows_at_once=4)
    assert torch.equal(hessian, hessian.mT)
    assert not hessian[-2:].any()
    column = 0
    for weight in weights:
        for place in range(weight.numel()):
            ends = []
            for sign in (1, -1):
                weight.data.view(-1)[place] += sign * 1e-5
                ends.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss(), weights)]))
                weight.data.view(-1)[place] -= sign * 1e-5
            torch.testing.assert_close(hessian[:-2, column], (ends[0] - ends[1]) / 2e-5, atol=1e-6, rtol=1e-5)
            column += 1


@pytest.mark.parametrize("make", [Newton, BFGS])
def test_too_many_weights_and_rates_of_their_own_are_refused(make):
    with pytest.raises(UserError, match=rf"optimizer={make.choice} .*found 12 trainable.*allowed are 10 .*kfac"):
        make([nn.Parameter(torch.zeros(3, 4))], max_parameters=10)
    model = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    with pytest.raises(UserError, match=rf"optimizer={make.choice} moves all weights along one direction"):
        build_optimizer(make, model, slow=model["a"], slow_factor=0.1)


def test_a_damping_of_zero_is_refused():
    with pytest.raises(UserError, match="expected a number above 0"):
        Newton([nn.Parameter(torch.zeros(1))], damping=0.0)
