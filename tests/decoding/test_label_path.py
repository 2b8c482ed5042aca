"""The likeliest path of labels is found: as by enumeration; a dear change smooths; the order in training counts."""

from itertools import product

import numpy as np
import pytest

from seqvision.data.sequences.followers import count_followers
from seqvision.decoding import LabelPath, TunedLabelPath, with_features
from seqvision.errors import UserError


def draws(time, classes, seed):
    return np.random.default_rng(seed).dirichlet(np.ones(classes), size=time)


def value(path, labels, probabilities):
    """The sum that the path maximises, written out."""
    total = path.weight * path.followers[-1, labels[0]] + np.log(probabilities[0, labels[0]])
    for time in range(1, len(labels)):
        before, now = labels[time - 1], labels[time]
        total += np.log(probabilities[time, now])
        if before != now:
            total += path.weight * path.followers[before, now] - path.cost
    return total


@pytest.mark.parametrize(("weight", "cost"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.5), (2.0, 0.7)])
def test_no_other_path_is_better(weight, cost):
    followers = np.log(draws(4, 3, 5))
    path = LabelPath(followers, weight=weight, cost=cost)
    recordings = [draws(time, 3, seed) for seed, time in enumerate((6, 1, 4))]
    for found, p in zip(path.paths(recordings), recordings, strict=True):
        best = max(value(path, labels, p) for labels in product(range(3), repeat=len(p)))
        assert value(path, found, p) == pytest.approx(best)
        assert found.tolist() == path(p).tolist()  # together as alone


def test_without_costs_each_frame_has_its_likeliest_label():
    p = draws(50, 4, 0)
    assert LabelPath(np.zeros((5, 4)), weight=0.0)(p).tolist() == p.argmax(axis=1).tolist()


def test_a_dear_change_leaves_one_label():
    p = draws(30, 3, 1)
    assert len(set(LabelPath(np.zeros((4, 3)), weight=0.0, cost=1000.0)(p).tolist())) == 1


def test_nothing_of_nothing():
    assert LabelPath(np.zeros((4, 3))).paths([]) == []
    assert LabelPath(np.zeros((4, 3)))(np.zeros((0, 3))).tolist() == []


def test_followers_are_counted_by_segments_and_not_across_gaps():
    counts = count_followers([np.array([0, 0, 1, 1, 0, -1, 2, 2, 1]), np.array([-1, 2]), np.array([], int)], 3)
    assert counts.tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_what_scores_best_on_validation_is_taken_and_survives_as_plain_data():
    truth = np.repeat([0, 1, 2, 0, 1, 2], 10)
    noisy = np.random.default_rng(0).random((60, 3)) * 0.8
    noisy[np.arange(60), truth] += 0.55
    p = noisy / noisy.sum(axis=1, keepdims=True)
    counts = count_followers([truth], 3)

    def score(labels):
        return float((labels[0] == truth).mean())

    path = TunedLabelPath()([p], counts, score)
    assert path.cost + path.weight > 0
    assert score([path(p)]) > score([p.argmax(axis=1)])
    again = LabelPath.from_settings(path.settings())
    assert again(p).tolist() == path(p).tolist()
    assert again.tried == path.tried
    assert max(path.tried.values()) == path.tried[path.choice]


def test_several_networks_choose_what_scores_best_on_all_their_validation_recordings():
    followers = np.zeros((3, 2))
    choices = [(0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (1.0, 0.0, 1.0)]
    one = LabelPath(followers, *choices[0], tried=dict(zip(choices, (60.0, 58.0, 10.0), strict=True)))
    two = LabelPath(followers, *choices[2], tried=dict(zip(choices, (50.0, 54.0, 55.0), strict=True)))
    both = LabelPath.together([one, two], [[0, 1], [0, 1]])
    assert (both.choice, both.tried[1.0, 0.0, 0.0]) == ((1.0, 0.0, 0.0), 56.0)
    other = LabelPath(followers, weight=2.0, cost=4.0, tried={(2.0, 4.0, 0.0): 1.0})
    assert LabelPath.together([one, other], [[0, 1], [0, 1]]).cost == 2.5


def test_features_that_are_scores_have_their_share():
    truth = np.repeat([0, 1, 2], 20)
    draws = np.random.default_rng(0)
    features = draws.normal(size=(60, 3)) + 4 * np.eye(3)[truth]  # what the network has not understood
    p = draws.dirichlet(np.ones(3), size=60)
    mixed = with_features(p, features, 0.5)
    by_hand = p * np.exp(0.5 * features)
    np.testing.assert_allclose(mixed, by_hand / by_hand.sum(axis=1, keepdims=True))
    assert with_features(p, features, 0.0) is p

    def score(labels):
        return float((labels[0] == truth).mean())

    counts = count_followers([truth], 3)
    path = TunedLabelPath()([p], counts, score, features=[features])
    alone = TunedLabelPath()([p], counts, score)
    assert (path.features, alone.features) == (1.0, 0.0)
    assert score([path(with_features(p, features, path.features))]) > score([alone(p)])
    assert LabelPath.from_settings(path.settings()).features == 1.0


def test_nothing_to_try():
    with pytest.raises(UserError, match=r"decoding\.costs"):
        TunedLabelPath(costs=())([], np.zeros((2, 1)), lambda labels: 0.0)
