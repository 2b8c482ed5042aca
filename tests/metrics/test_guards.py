"""What keeps scores honest: variety, intervals and captioners without a network."""

import re

import numpy as np
import pytest

from seqvision.errors import UserError
from seqvision.metrics import (
    bootstrap_interval,
    collapse_message,
    diversity,
    most_frequent_caption,
    nearest_neighbour_captions,
    paired_difference,
)


def test_variety_by_hand():
    found = diversity(["a dog", "a  dog ", "a cat", "two"])
    assert (found.captions, found.distinct, found.commonest) == (4, 0.75, "a dog")
    assert (found.commonest_share, found.vocabulary) == (0.5, 4)
    with pytest.raises(UserError, match="at least one caption"):
        diversity([])


def test_collapsed_captions_are_named():
    captions = ["a man"] * 9 + ["a dog"]
    message = collapse_message(captions, [[f"caption {i}"] for i in range(10)])
    assert "90% of 10 pictures got the same caption, 'a man'" in message
    assert "the commonest reference serves 10%" in message
    assert "an empty caption" in collapse_message([""] * 20)


@pytest.mark.parametrize(
    ("captions", "references"),
    [
        (["a man"] * 9, None),  # too few to say
        (["a man", "a dog"] * 5, None),  # half is not more than half
        (["a man"] * 20, [["a man"]] * 20),  # the data are as uniform
        ([f"caption {i}" for i in range(20)], None),
    ],
)
def test_captions_that_have_not_collapsed_get_no_message(captions, references):
    assert collapse_message(captions, references) is None


def test_interval_covers_the_mean_as_often_as_it_says():
    draw = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        lower, upper = bootstrap_interval(draw.normal(3, 1, 60), seed=seed, level=0.9, resamples=300)
        hits += lower <= 3 <= upper
    assert 0.82 < hits / 200 < 0.96


def test_dependent_values_get_a_wider_interval():
    by_name = np.repeat(np.random.default_rng(0).normal(size=20), 25)  # 500 values, 20 of them independent
    names = np.repeat([f"name {i}" for i in range(20)], 25)
    single, grouped = bootstrap_interval(by_name, seed=0), bootstrap_interval(by_name, names, seed=0)
    assert grouped[1] - grouped[0] > 3 * (single[1] - single[0])
    assert bootstrap_interval(by_name, names, seed=0) == grouped
    assert grouped[0] < by_name.mean() < grouped[1]


@pytest.mark.parametrize(
    ("values", "groups"),
    [([5.0], None), ([1.0, 2.0, 3.0], ["x"] * 3), ([2.0] * 9, None), ([1.0, 3.0] * 4, list("aabbccdd"))],
    ids=["one value", "one group", "equal values", "groups of equal means"],
)
def test_what_shows_nothing_of_other_groups_has_no_interval(values, groups):
    assert np.isnan(bootstrap_interval(values, groups, seed=0)).all()
    found = paired_difference(np.zeros(len(values)), values, groups, seed=0)
    assert found.interval is None
    assert not found.certain
    assert re.fullmatch(r"\+\d\.0 \(no interval: (one group|the same in all \d groups)\)", str(found))


def test_the_interval_of_a_missing_value_is_missing():
    assert np.isnan(bootstrap_interval([1.0, np.nan], seed=0)).all()


def test_bounds_are_never_passed():
    lower, upper = bootstrap_interval([100.0] * 30 + [0.0], seed=0, bounds=(0.0, 100.0))
    assert 0 < lower < 100 * 30 / 31 < upper < 100


@pytest.mark.parametrize(
    ("values", "groups", "level", "message"),
    [
        ([], None, 0.95, "No values"),
        ([1.0], None, 95.0, "level is 95.0; expected a share between 0 and 1"),
        ([1.0, 2.0], ["x"], 0.95, "2 values but groups for 1"),
    ],
)
def test_intervals_that_cannot_be_are_refused(values, groups, level, message):
    with pytest.raises(UserError, match=message):
        bootstrap_interval(values, groups, seed=0, level=level)


def test_most_frequent_caption_is_the_first_of_equals():
    assert most_frequent_caption(["b", "a", "a", "b", "c"]) == "b"
    with pytest.raises(UserError, match="give at least one"):
        most_frequent_caption([])


def test_neighbours_are_those_of_a_full_comparison_whatever_the_chunk():
    draw = np.random.default_rng(0)
    train, queries = draw.normal(size=(50, 8)), draw.normal(size=(23, 8))
    names = [f"caption {i}" for i in range(50)]
    cosines = (queries @ train.T) / np.linalg.norm(train, axis=1)
    expected = [names[i] for i in cosines.argmax(1)]
    for chunk in (1, 5, 23, 1024):
        assert nearest_neighbour_captions(train, names, queries, chunk=chunk) == expected
    assert nearest_neighbour_captions(train * 100, names, queries * 0.01) == expected
    assert nearest_neighbour_captions(np.vstack([train, np.zeros(8)]), [*names, "zero"], queries) == expected


def test_features_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match=r"shape \(2, 3\) and \(2, 4\) cannot be compared.*same pooled encoder"):
        nearest_neighbour_captions(np.ones((2, 3)), ["a", "b"], np.ones((2, 4)))
    with pytest.raises(UserError, match="2 training features but 1 captions"):
        nearest_neighbour_captions(np.ones((2, 3)), ["a"], np.ones((2, 3)))
