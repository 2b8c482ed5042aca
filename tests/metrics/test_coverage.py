"""Intervals hold the truth as often as they say, of few groups too, whatever the score."""

import numpy as np
import pytest

from seqvision.inference.resampling import resample
from seqvision.inference.tallies import ClassTally, FrameTally
from seqvision.metrics import bootstrap_interval, paired_difference
from seqvision.metrics.bootstrap import PERCENT, Groups, quantile, standard_error

DRAWS, CLASSES = 500, ("a", "b", "c")


def subjects(rng, number, *, base):
    """How sure each subject's items are recognised, and how many it has: some are hard, some have ten times as many."""
    return 1 / (1 + np.exp(-(base + rng.normal(size=number)))), rng.integers(4, 40, number)


@pytest.mark.parametrize(
    ("number", "base"),
    [
        (8, 0.0),
        (8, 2.5),
        *(pytest.param(number, base, marks=pytest.mark.slow) for number in (3, 20) for base in (0.0, 2.5)),
    ],
)
def test_a_share_over_subjects(number, base):
    rng = np.random.default_rng([number, int(base)])
    share, size = subjects(rng, 200_000, base=base)
    truth = 100 * (share * size).sum() / size.sum()
    hits = 0
    for seed in range(DRAWS):
        share, size = subjects(rng, number, base=base)
        right = np.concatenate([100.0 * (rng.random(n) < p) for p, n in zip(share, size, strict=True)])
        groups = np.repeat(np.arange(number), size)
        lower, upper = bootstrap_interval(right, groups, seed=seed, resamples=150, bounds=PERCENT)
        hits += bool(lower <= truth <= upper) or np.isnan(lower)  # none is promised where all are alike
    assert hits >= 0.9 * DRAWS


def test_differences_over_eight_subjects_are_seldom_certain_where_there_is_none():
    rng = np.random.default_rng(0)
    certain = 0
    for seed in range(DRAWS):
        groups = np.repeat(np.arange(8), 25)
        bias = rng.normal(scale=20, size=8)  # what one of them happens to do better or worse on a subject
        first, second = rng.normal(50, 30, 200), rng.normal(50, 30, 200) + bias[groups]
        certain += paired_difference(first, second, groups, seed=seed, resamples=150).certain
    assert certain <= 0.1 * DRAWS


def test_the_error_of_a_mean_of_groups_is_the_known_one():
    values = np.random.default_rng(0).normal(size=12)
    groups = Groups(range(12))
    means = np.array([values[groups.items(drawn)].mean() for drawn in groups.draws(4000, seed=0)])
    assert standard_error(means, 12) == pytest.approx(values.std(ddof=1) / 12**0.5, rel=0.04)
    assert quantile(12) == pytest.approx(2.201, abs=1e-3)  # of t with 11 degrees of freedom


def covered(tally, items_of, rng, *, apart=False):
    """How often intervals from eight subjects, drawn from all, hold each score of all; apart: as if each item was one
    of its own. items_of: the places of each subject's items.
    """
    truth = tally(np.concatenate(items_of))
    hits = dict.fromkeys(("accuracy", "macro_f1", "edit", "f1@25") & truth.keys(), 0)
    for seed in range(DRAWS):
        drawn = [items_of[subject] for subject in rng.integers(len(items_of), size=8)]
        items = np.concatenate(drawn)
        groups = np.arange(len(items)) if apart else np.repeat(np.arange(8), [len(part) for part in drawn])
        found = resample(lambda places: tally(items[places]), groups.tolist(), resamples=60, seed=seed).intervals()  # noqa: B023
        for name in hits:
            hits[name] += found[name][0] <= truth[name] <= found[name][1]
    return hits


@pytest.mark.slow
def test_classes_over_eight_subjects():
    rng = np.random.default_rng(1)
    share, size = subjects(rng, 1000, base=1.0)
    truth = rng.choice(3, size.sum(), p=(0.6, 0.3, 0.1))
    guess = np.where(rng.random(size.sum()) < np.repeat(share, size), truth, rng.integers(3, size=size.sum()))
    tally = ClassTally(np.eye(3)[guess] * 0.9 + 0.03, truth, CLASSES, top=())
    hits = covered(tally, np.split(np.arange(size.sum()), np.cumsum(size)[:-1]), rng)
    assert min(hits.values()) >= 0.9 * DRAWS, hits


@pytest.mark.slow
def test_labellers_over_eight_subjects_with_five_recordings_each():
    """Intervals over recordings, as if each were of a subject of its own, hold the truth far less often."""
    rng = np.random.default_rng(2)
    predictions, truth = [], []
    for share in 1 / (1 + np.exp(-(1.0 + rng.normal(size=200)))):
        for _ in range(5):
            y = np.repeat(rng.integers(3, size=6), 8)
            wrong = np.repeat(rng.random(12) > share, 4)  # errors last a while, so that segments are missed
            predictions.append(np.where(wrong, (y + 1) % 3, y))
            truth.append(y)
    tally = FrameTally(predictions, truth, CLASSES, background=(), protocol="mstcn")
    items_of = list(np.arange(1000).reshape(200, 5))
    hits, apart = covered(tally, items_of, rng), covered(tally, items_of, rng, apart=True)
    assert min(hits.values()) >= 0.9 * DRAWS, hits
    assert all(apart[name] < hits[name] - 0.15 * DRAWS for name in hits), apart
