"""The rate at known steps."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from seqvision.errors import UserError
from seqvision.optim import constant, cosine, cyclic, exponential, inverse, one_cycle, restarts, step

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


FROM_ONE = [constant, cosine, exponential, inverse, step, restarts]  # those that begin at the full rate


@pytest.mark.parametrize("schedule", FROM_ONE)
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


@pytest.mark.parametrize("schedule", [*FROM_ONE, cyclic, one_cycle])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_shortest_runs_have_a_rate(schedule, steps):
    settings = {} if schedule is one_cycle else {"warmup": 0.5}
    assert all(0 <= rate <= 1 for rate in rates(schedule, steps, **settings))


T = np.arange(50)
D = T / 50  # the share of the run that is done before each step
FORMULAS = {
    "constant": (constant, {}, np.ones(50)),
    "step": (step, {"drops": 4, "factor": 0.5}, 0.5 ** (T // 10)),
    "exponential": (exponential, {"final": 0.05}, np.exp(-np.log(20) / 50 * T)),
    "inverse": (inverse, {"final": 0.2}, 1 / (1 + 4 / 50 * T)),
    "cosine": (cosine, {"warmup": 0.0, "final": 0.1}, 0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * D))),
    "cosine, warmed up": (
        cosine,
        {"warmup": 0.2},
        np.where(T < 10, (T + 1) / 11, 0.5 * (1 + np.cos(np.pi * (T - 10) / 40))),
    ),
    "one cycle": (
        one_cycle,
        {"peak": 0.4, "start": 0.1, "final": 0.01},
        np.where(
            T < 20,
            0.1 + 0.9 * 0.5 * (1 - np.cos(np.pi * D / 0.4)),
            0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * (D - 0.4) / 0.6)),
        ),
    ),
    "restarts": (restarts, {"cycles": 5}, 0.5 * (np.cos(np.pi * (T % 10) / 10) + 1)),  # Huang et al., equation 2
    "cyclic": (cyclic, {"cycles": 5, "low": 0.2}, 0.2 + 0.8 * (1 - np.abs(T % 10 / 5 - 1))),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_fifty_steps_are_those_of_the_formula(name):
    schedule, settings, expected = FORMULAS[name]
    assert rates(schedule, 50, **settings)[:50] == pytest.approx(expected, abs=1e-12)


def test_inverse_falls_fast_and_then_slowly_and_ends_at_final():
    seen = rates(inverse, 100, final=0.1)
    assert seen[100] == pytest.approx(0.1)
    assert seen[0] - seen[10] > 10 * (seen[90] - seen[100])


def test_one_cycle_is_that_of_torch_with_its_count_of_steps():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=RATE)
    torchs = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, 2001, pct_start=0.3, cycle_momentum=False)
    seen = []
    for _ in range(2001):
        seen.append(optimizer.param_groups[0]["lr"] / RATE)
        optimizer.step()
        if len(seen) < 2001:
            torchs.step()
    # torch's rise ends a step early, and its run with the last step
    assert rates(one_cycle, 2000) == pytest.approx(seen, abs=3e-3)


@pytest.mark.parametrize(
    ("schedule", "settings"),
    [
        *((schedule, {"warmup": share}) for schedule in (constant, step, restarts, cyclic) for share in (-0.1, 2.0)),
        *((exponential, {"final": 0.0}), (inverse, {"final": 0.0}), (cosine, {"final": -1.0})),
        *((one_cycle, {"peak": 3.0}), (step, {"drops": 0}), (step, {"factor": -1.0})),
        *((cyclic, {"low": -0.1}), (restarts, {"final": 2.0})),
    ],
)
def test_shares_outside_0_to_1_are_refused(schedule, settings):
    ((name, value),) = settings.items()
    with pytest.raises(UserError, match=f"{name} is {value}; expected"):
        rates(schedule, 10, **settings)
