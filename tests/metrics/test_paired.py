"""Two models on the same items."""

import numpy as np
import pytest

from seqvision.errors import UserError
from seqvision.metrics import bootstrap_interval, paired_difference


def test_what_both_models_share_falls_out():
    rng = np.random.default_rng(0)
    hard = rng.normal(scale=20, size=400)
    first, second = (50 + hard + rng.normal(size=400) for _ in range(2))
    found = paired_difference(first, second + 1, seed=0)
    assert found.certain
    assert found.lower < 1 < found.upper
    assert found.upper - found.lower < 0.5
    lower, upper = bootstrap_interval(first, seed=0)
    assert upper - lower > 3  # the intervals of the two would overlap by far
    assert (found.items, str(found)) == (400, f"+1.0 (95% interval {found.lower:+.1f} to {found.upper:+.1f})")


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    trials = [paired_difference(*(100.0 * (rng.random((2, 150)) < 0.7)), seed=i, resamples=300) for i in range(150)]
    assert np.mean([trial.certain for trial in trials]) == pytest.approx(0.05, abs=0.045)


def test_turned_round_the_sign_changes():
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(2, 50))
    there, back = paired_difference(one, other, seed=0), paired_difference(other, one, seed=0)
    assert (there.difference, there.lower) == pytest.approx((-back.difference, -back.upper))


def test_whole_groups_are_drawn():
    rng = np.random.default_rng(3)
    videos = np.repeat(np.arange(10), 100)
    first, second = np.zeros(1000), rng.normal(size=10)[videos]
    alone, together = (paired_difference(first, second, groups, seed=0) for groups in (None, videos))
    assert together.upper - together.lower > 5 * (alone.upper - alone.lower)
    # frames as items, videos as groups: the pooled difference
    assert together.difference == pytest.approx(second.mean())


def test_items_without_a_score_are_left_out():
    nan = float("nan")
    found = paired_difference([1.0, nan, 3.0], [2.0, nan, 5.0], ["a", "b", "a"], seed=0)
    assert (found.items, found.difference) == (2, 1.5)
    with pytest.raises(UserError, match="Item 1 has a score from one model only"):
        paired_difference([1.0, nan, 3.0], [2.0, 2.0, 5.0], seed=0)
    with pytest.raises(UserError, match="not of the same items"):
        paired_difference([1.0, 2.0], [1.0, 2.0, 3.0], seed=0)
    with pytest.raises(UserError, match="2 items but groups for 1"):
        paired_difference([1.0, 2.0], [1.0, 2.0], ["a"], seed=0)
