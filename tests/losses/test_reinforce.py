"""The estimate of where to look better is right on average: held against the exact gradient, summed over all places."""

import pytest
import torch

from seqvision.losses.reinforce import reinforce, returns_of
from seqvision.models.reader import log_density

pytestmark = pytest.mark.usefixtures("float64")

GRID = torch.cartesian_prod(*[torch.linspace(-3, 3, 121)] * 2)  # wide enough for all of the density
AREA = (6 / 120) ** 2


def reward(places: torch.Tensor) -> torch.Tensor:
    """Worth more near (.5, −.2), and nothing on the left."""
    return torch.exp(-4 * (places - torch.tensor([0.5, -0.2])).square().sum(-1)) * (places[..., 0] > -0.3)


def test_the_gradient_of_one_look_is_the_exact_one():
    mean = torch.tensor([0.1, 0.1], requires_grad=True)
    log_spread = torch.tensor([-1.0, -0.5], requires_grad=True)
    density = log_density(GRID, mean, log_spread).exp()
    exact = torch.autograd.grad(-(density * reward(GRID)).sum() * AREA, [mean, log_spread])

    torch.manual_seed(0)
    number = 200_000
    drawn = (mean + log_spread.exp() * torch.randn(number, 2)).detach()
    for baseline in (0.0, 0.4):
        log_p = log_density(drawn, mean, log_spread)
        loss, _ = reinforce(log_p[:, None], reward(drawn)[:, None], torch.full((number, 1), baseline))
        estimate = torch.autograd.grad(loss / number, [mean, log_spread])
        for found, expected in zip(estimate, exact, strict=True):
            torch.testing.assert_close(found, expected, atol=0.01, rtol=0.02)


def test_the_gradient_of_two_looks_is_the_exact_one():
    """The second place depends on the first; both are worth something at the end."""
    coarse = torch.cartesian_prod(*[torch.linspace(-2.5, 2.5, 41)] * 2)
    area = (5 / 40) ** 2
    first, second = torch.tensor([0.0, 0.2], requires_grad=True), torch.tensor(0.3, requires_grad=True)
    spread = torch.full((2,), -0.7)
    p_first = log_density(coarse, first, spread).exp() * area
    p_second = log_density(coarse[None], second * coarse[:, None], spread).exp() * area
    worth = reward(coarse)[:, None] + 2 * reward(coarse)[None]
    exact = torch.autograd.grad(-(p_first[:, None] * p_second * worth).sum(), [first, second])

    torch.manual_seed(0)
    number = 200_000
    one = (first + spread.exp() * torch.randn(number, 2)).detach()
    two = (second * one + spread.exp() * torch.randn(number, 2)).detach()
    log_p = torch.stack([log_density(one, first, spread), log_density(two, second * one, spread)], dim=1)
    rewards = torch.stack([reward(one), 2 * reward(two)], dim=1)
    loss, _ = reinforce(log_p, returns_of(rewards), torch.full((number, 2), 0.3))
    for found, expected in zip(torch.autograd.grad(loss / number, [first, second]), exact, strict=True):
        torch.testing.assert_close(found, expected, atol=0.015, rtol=0.03)


def test_a_baseline_makes_the_estimate_steadier():
    torch.manual_seed(0)
    mean, spread = torch.zeros(2, requires_grad=True), torch.full((2,), -1.0)
    spreads = {}
    for baseline in (0.0, float(reward(torch.randn(10_000, 2) * spread.exp()).mean())):
        found = []
        for _ in range(200):
            drawn = (mean + spread.exp() * torch.randn(32, 2)).detach()
            loss, _ = reinforce(
                log_density(drawn, mean, spread)[:, None], reward(drawn)[:, None] + 3, torch.full((32, 1), baseline + 3)
            )
            found.append(torch.autograd.grad(loss / 32, mean)[0])
        spreads[baseline] = float(torch.stack(found).std(dim=0).mean())
    without, with_it = spreads.values()
    assert with_it < without


def test_the_policy_s_loss_does_not_reach_the_baselines_and_theirs_not_the_policy():
    log_p, baselines = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    policy, baseline = reinforce(log_p, torch.ones(2, 3), baselines)
    assert torch.autograd.grad(policy, baselines, allow_unused=True, retain_graph=True) == (None,)
    assert torch.autograd.grad(baseline, log_p, allow_unused=True) == (None,)


def test_looks_that_do_not_count_do_not_count():
    valid = torch.tensor([[True, False], [True, True]])
    log_p, returns, baselines = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(0)).unbind(0)
    policy, baseline = reinforce(log_p, returns, baselines, valid)
    advantage = (returns - baselines)[valid]
    torch.testing.assert_close(policy, -(log_p[valid] * advantage).sum())
    torch.testing.assert_close(baseline, advantage.square().sum())


def test_returns_are_what_is_still_to_come():
    rewards = torch.tensor([[1.0, 0.0, 2.0]])
    assert returns_of(rewards).tolist() == [[3.0, 2.0, 2.0]]
    assert returns_of(rewards, discount=0.5).tolist() == [[1.5, 1.0, 2.0]]


def test_a_discount_is_for_each_symbol_and_not_for_each_look():
    """R_j = Σ_k discount^(symbol of k − symbol of j) r_k over the looks k from j on."""
    rewards = torch.rand(3, 6, generator=torch.Generator().manual_seed(0))
    expected = [
        sum(0.5 ** (k // 2 - j // 2) * rewards[:, k] for k in range(j, 6)) for j in range(6)
    ]  # two looks a symbol
    torch.testing.assert_close(returns_of(rewards, 0.5, every=2), torch.stack(expected, dim=1))
