"""Schedules in cycles: where each ends, and what the rate is on the way."""

import math

import pytest
import torch

from seqvision.errors import UserError
from seqvision.optim import Cycles, cyclic, restarts


def made(schedule, steps: int, **settings) -> Cycles:
    return schedule(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), steps, **settings)


def factors(scheduler: Cycles, steps: int) -> list[float]:
    seen = []
    for _ in range(steps):
        seen.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return seen


def test_cycles_that_double_are_those_of_sgdr():
    scheduler = made(restarts, 70, cycles=3, multiplier=2, final=0.1)
    assert scheduler.ends == [10, 30, 70]
    seen = factors(scheduler, 70)
    for begin, end in ((0, 10), (10, 30), (30, 70)):
        expected = [0.1 + 0.45 * (1 + math.cos(math.pi * (t - begin) / (end - begin))) for t in range(begin, end)]
        assert seen[begin:end] == pytest.approx(expected)
    assert seen[10] == seen[30] == 1.0, "at once up again"


def test_they_are_torchs_where_the_first_cycle_is_given():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    torchs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=2)
    expected = []
    for _ in range(70):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        torchs.step()
    assert factors(made(restarts, 70, cycles=3, multiplier=2), 70) == pytest.approx(expected, abs=1e-12)


def test_cycles_fill_what_the_warm_up_leaves():
    scheduler = made(restarts, 110, warmup=10 / 110, cycles=4)
    assert scheduler.ends == [35, 60, 85, 110]
    seen = factors(scheduler, 110)
    assert seen[:11] == pytest.approx([(t + 1) / 11 for t in range(11)])
    assert [seen[end] for end in scheduler.ends[:-1]] == [1.0] * 3


def test_cycles_that_do_not_divide_the_run_differ_by_a_step():
    ends = made(restarts, 103, cycles=4).ends
    lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    assert sum(lengths) == 103
    assert set(lengths) == {25, 26}


def test_the_end_of_the_run_is_no_new_cycle():
    scheduler = made(restarts, 12, cycles=3, final=0.25)
    factors(scheduler, 12)
    assert scheduler.optimizer.param_groups[0]["lr"] == pytest.approx(0.25)


def test_triangles_that_shrink():
    scheduler = made(cyclic, 40, cycles=2, low=0.2, shrink=0.5)
    seen = factors(scheduler, 40)
    assert scheduler.ends == [20, 40]
    assert seen[0] == seen[20] == pytest.approx(0.2)
    assert (seen[10], seen[30]) == pytest.approx((1.0, 0.6))
    assert seen[5] == seen[15] == pytest.approx(0.6)


def test_a_longer_run_that_goes_on_has_its_own_ends():
    before, after = made(restarts, 20, cycles=2), made(restarts, 40, cycles=2)
    factors(before, 5)
    after.load_state_dict(before.state_dict())
    assert after.ends == [20, 40]
    assert after.last_epoch == 5


@pytest.mark.parametrize("settings", [{"cycles": 0}, {"multiplier": 0.5}])
def test_no_cycle_and_shrinking_cycles_are_refused(settings):
    with pytest.raises(UserError, match="expected at least one cycle, and a multiplier of 1"):
        made(restarts, 10, **settings)
