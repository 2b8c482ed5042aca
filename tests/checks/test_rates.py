"""A rate by trying: near the known best of a quadratic, of whatever scale; unsure where there is nothing to find."""

import numpy as np
import pytest

from seqvision.checks import RateCurve, ladder, rising, suggested


def quadratic(curvature, *, noise=0.3, seed=0, dimensions=10):
    """Steps of gradient descent on ½ Σ h x², h from a tenth of the curvature to all of it; the loss before each."""
    draws = np.random.default_rng(seed)
    h = np.geomspace(curvature / 10, curvature, dimensions)
    x = np.full(dimensions, 3.0)

    def step(rate):
        nonlocal x
        loss = 0.5 * (h * x * x).sum() + curvature * noise * draws.normal() / 2
        x = x - rate * (h * x + curvature * noise * draws.normal(size=dimensions))
        return float(loss)

    return step


@pytest.mark.parametrize("curvature", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_rate_of_a_quadratic_is_found_whatever_its_scale(curvature, noise):
    rates = ladder(1e-5 / curvature, 1e2 / curvature, 100)
    found = suggested([rising(quadratic(curvature, noise=noise, seed=seed), rates) for seed in range(3)])
    best, limit = 2 / (1.1 * curvature), 2 / curvature  # of a constant rate: 2 / (smallest + largest), and 2 / largest
    assert found.sure, found.why
    assert best / 8 < found.rate < limit
    assert found.low <= found.rate <= found.high < 2 * limit
    assert "3 of 3 runs" in found.why


def test_the_suggested_rate_trains_better_than_rates_far_from_it():
    rates = ladder(1e-5, 1e2, 100)
    rate = suggested([rising(quadratic(1.0, seed=seed), rates) for seed in range(3)]).rate

    def after(at, steps=60):
        step = quadratic(1.0, noise=0.0)
        return [step(at) for _ in range(steps)][-1]

    assert after(rate) < 0.1 * after(rate / 30)
    assert after(rate) < after(rate * 30)


def test_it_stops_when_the_loss_blows_up_and_says_when_it_hardly_falls():
    curve = rising(quadratic(1.0), ladder(1e-5, 1e6, 200))
    assert len(curve.rates) < 150
    assert np.isfinite(curve.losses).all()
    flat = suggested([rising(quadratic(1e-9, noise=1e8, seed=seed), ladder(1e-6, 1e-3, 60)) for seed in range(3)])
    assert flat.rate is None
    assert not flat.sure
    assert "hardly falls" in flat.why


def made_up(bottom):
    """A curve that falls from 2 to 0 at that rate and rises behind it."""
    rates = ladder(1e-5, 1e1, 80)
    distance = np.log10(np.array(rates) / bottom)
    losses = np.where(distance < 0, 2 - 2 * np.exp(-(distance**2)), 2 * distance)
    return RateCurve(rates, losses.tolist())


def test_runs_that_disagree_or_are_alone_or_never_turn_are_not_sure():
    assert suggested([made_up(1e-2), made_up(1.2e-2), made_up(0.9e-2)]).sure
    apart = suggested([made_up(1e-3), made_up(1e-2), made_up(1e-1)])
    assert not apart.sure
    assert "disagree" in apart.why
    alone = suggested([made_up(1e-2)])
    assert not alone.sure
    assert alone.rate is not None
    falling = suggested([made_up(20.0)] * 3)
    assert not falling.sure
    assert "try higher ones" in falling.why
