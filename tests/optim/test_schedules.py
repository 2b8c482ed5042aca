"""The rate at known steps."""

import math
from itertools import pairwise

import pytest
import torch

from seqvision.optim import constant, cosine, exponential, step

RATE = 0.4


def rates(schedule, steps: int, **settings) -> list[float]:
    """The rate of each step of a run, as a factor of the optimiser's own."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    scheduler = schedule(optimizer, steps, **settings)
    seen = []
    for _ in range(steps + 1):
        seen.append(optimizer.param_groups[0]["lr"] / RATE)
        optimizer.step()
        scheduler.step()
    return seen


def test_cosine_starts_at_one_is_half_in_the_middle_and_ends_at_final():
    seen = rates(cosine, 100, warmup=0.0, final=0.2)
    assert seen[0] == 1
    assert seen[25] == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 4)))
    assert seen[50] == pytest.approx(0.6)
    assert seen[100] == pytest.approx(0.2)


@pytest.mark.parametrize("schedule", [constant, cosine, exponential, step])
def test_warm_up_is_linear_never_zero_and_ends_at_the_full_rate(schedule):
    seen = rates(schedule, 100, warmup=0.04)
    assert seen[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_constant_stays():
    assert rates(constant, 10) == [1.0] * 11


def test_exponential_decays_by_the_same_factor_in_every_step_and_ends_at_final():
    seen = rates(exponential, 20, final=0.01)
    assert seen[20] == pytest.approx(0.01)
    assert [after / before for before, after in pairwise(seen)] == pytest.approx([0.01**0.05] * 20)


def test_step_drops_at_evenly_spaced_places():
    seen = rates(step, 9, drops=2, factor=0.1)
    assert seen[:9] == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])
    assert seen[9] == pytest.approx(0.01)  # the end of the run is no further drop


@pytest.mark.parametrize("schedule", [constant, cosine, exponential, step])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_shortest_runs_have_a_rate(schedule, steps):
    assert all(0 <= rate <= 1 for rate in rates(schedule, steps, warmup=0.5))
