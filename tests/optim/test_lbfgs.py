"""L-BFGS is that of the book, its line search keeps its word, and what it cannot do is said."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from seqvision.encoders import SmallCNN
from seqvision.errors import UserError
from seqvision.optim import LBFGS, Momentum, Nesterov, build_optimizer, check_closures

SCALES = np.array([1.0, 4.0, 9.0, 0.5, 2.0])


def gradient(w):
    """That of Σ scale · log cosh(w)."""
    return SCALES * np.tanh(w)


def direction(g, pairs):
    """Nocedal and Wright, 2006, algorithm 7.4, with γ of equation 7.20; the steepest descent without history."""
    q, alphas = g.copy(), []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (s @ y))
        q -= alphas[-1] * y
    s, y = pairs[-1] if pairs else (np.ones(1), np.ones(1))
    r = (s @ y) / (y @ y) * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        r += s * (alpha - y @ r / (s @ y))
    return -r


def test_fifty_steps_at_a_changing_rate_are_those_of_the_two_loop_recursion():
    rates = [0.5 + 0.4 * np.sin(0.5 * t) for t in range(50)]
    start = np.array([2.0, -1.0, 1.5, 0.7, -3.0])
    parameter = nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = LBFGS([parameter], lr=rates[0], max_iter=1, history_size=4, line_search_fn=None, tolerance_grad=0)

    def closure():
        parameter.grad = None
        loss = (torch.from_numpy(SCALES) * torch.log(torch.cosh(parameter))).sum()
        loss.backward()
        return loss

    w, pairs, moved, before, distances = start, [], None, None, []
    for rate in rates:
        g = gradient(w)
        if moved is not None and moved @ (g - before) > 1e-10:
            pairs = [*pairs, (moved, g - before)][-4:]
        length = rate * (min(1.0, 1 / np.abs(g).sum()) if moved is None else 1.0)  # torch's first step is careful
        moved, before = length * direction(g, pairs), g
        if -(g @ moved) / length <= 1e-9:
            break  # torch stands still there
        w = w + moved
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step(closure)
        distances.append(np.abs(parameter.detach().numpy() - w).max())
    assert len(distances) >= 15
    assert max(distances) < 1e-8
    assert np.abs(w).max() < 1e-3, "the minimum is at 0"


def test_every_step_of_the_line_search_meets_the_strong_wolfe_conditions_on_the_way_down_a_narrow_valley():
    parameter = nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimizer = LBFGS([parameter], lr=1.0, max_iter=1, max_eval=25, line_search_fn="strong_wolfe")

    def closure():
        parameter.grad = None
        loss = (1 - parameter[0]) ** 2 + 100 * (parameter[1] - parameter[0] ** 2) ** 2
        loss.backward()
        return loss

    for _ in range(60):
        before, loss = parameter.detach().clone(), closure()
        slope = parameter.grad.clone()
        optimizer.step(closure)
        moved, after = parameter.detach() - before, closure()
        if loss < 1e-12:
            break
        assert after <= loss + 1e-4 * slope @ moved
        assert abs(parameter.grad @ moved) <= 0.9 * abs(slope @ moved)
    torch.testing.assert_close(parameter.detach(), torch.ones(2, dtype=torch.float64), atol=1e-4, rtol=0)


def model() -> nn.Module:
    encoder = SmallCNN(image_size=8, channels=(4, 4), strides=(2, 2), pooled=True)
    return nn.ModuleDict({"encoder": encoder, "head": nn.Linear(4, 2)})


def test_all_groups_are_one():
    network = model()
    optimizer = build_optimizer(partial(LBFGS, lr=0.5), network)
    (group,) = optimizer.param_groups
    assert group["lr"] == 0.5
    assert {id(p) for p in group["params"]} == {id(p) for p in network.parameters()}


@pytest.mark.parametrize("rates", [{"layer_decay": 0.5}, {"slow_factor": 0.1}])
def test_rates_of_their_own_are_refused(rates):
    network = model()
    with pytest.raises(UserError, match=r"along one direction.*encoder_lr_factor=1.0 and task.layer_decay=1.0"):
        build_optimizer(LBFGS, network, slow=network["encoder"], **rates)


WEIGHTS = [nn.Parameter(torch.zeros(1))]


@pytest.mark.parametrize(
    ("optimizer", "remedy"),
    [
        (LBFGS(WEIGHTS), "choose another, such as optimizer=adamw"),
        (Nesterov(WEIGHTS, lr=0.1, form="look_ahead"), "optimizer.form=rearranged"),
    ],
    ids=["lbfgs", "look_ahead"],
)
def test_what_evaluates_inside_its_step_takes_whole_batches_and_unscaled_gradients(optimizer, remedy):
    check_closures(optimizer, accumulated=1, precision="bf16-mixed")
    with pytest.raises(UserError, match=f"trainer.accumulate_grad_batches=2: .*expected 1.*{remedy}"):
        check_closures(optimizer, accumulated=2, precision="32-true")
    with pytest.raises(UserError, match=f"trainer.precision=16-mixed: .*float16.*bf16-mixed.*{remedy}"):
        check_closures(optimizer, accumulated=1, precision="16-mixed")


@pytest.mark.parametrize("optimizer", [Nesterov(WEIGHTS, lr=0.1), Momentum(WEIGHTS, lr=0.1), torch.optim.Adam(WEIGHTS)])
def test_what_evaluates_nothing_takes_anything(optimizer):
    check_closures(optimizer, accumulated=4, precision="16-mixed")
