"""Ranges, choices, and the overrides that they become."""

import math

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from seqvision.errors import UserError
from seqvision.sweeps import Space
from seqvision.sweeps.space import overrides_of, written

SPACE = {
    "optimizer.lr": {"low": 1e-5, "high": 1e-1, "scale": "log"},
    "rnn.hidden_size": {"low": 8, "high": 64, "integer": True},
    "rnn": ["elman", "lstm", "gru"],
}


def test_a_logarithmic_range_is_halved_at_the_geometric_mean():
    values = Space(SPACE).at([0.5, 0.5, 0.5])
    assert values == {"optimizer.lr": pytest.approx(1e-3), "rnn.hidden_size": 36, "rnn": "lstm"}


def test_places_and_values_are_each_others_inverse():
    space = Space(SPACE)
    for shares in ([0.0, 0.0, 1 / 6], [1.0, 1.0, 5 / 6], [0.25, 0.5, 0.5]):
        assert space.shares(space.at(shares)) == pytest.approx(shares, abs=0.01)


def test_ends_belong_to_a_range_and_every_choice_is_as_wide():
    space = Space(SPACE)
    assert space.at([0, 0, 0]) == {"optimizer.lr": 1e-5, "rnn.hidden_size": 8, "rnn": "elman"}
    assert space.at([1, 1, 1]) == {"optimizer.lr": 0.1, "rnn.hidden_size": 64, "rnn": "gru"}
    found = [space.at([0, 0, share / 300])["rnn"] for share in range(300)]
    assert [found.count(name) for name in SPACE["rnn"]] == [100, 100, 100]


@pytest.mark.parametrize(("low", "high", "scale"), [(1, 4, "linear"), (-2, 3, "linear"), (1, 3, "log")])
def test_whole_numbers_have_equal_parts_of_their_scale(low, high, scale):
    space = Space({"rnn.num_layers": {"low": low, "high": high, "scale": scale, "integer": True}})
    found = [space.at([(draw + 0.5) / 6000])["rnn.num_layers"] for draw in range(6000)]
    parts = [1.0] * (high - low + 1)
    if scale == "log":
        parts = [math.log((number + 0.5) / (number - 0.5)) for number in range(low, high + 1)]
    expected = [6000 * part / sum(parts) for part in parts]
    assert [found.count(number) for number in range(low, high + 1)] == pytest.approx(expected, abs=1)
    assert space.edges({"rnn.num_layers": low})
    assert space.edges({"rnn.num_layers": high})


def test_what_is_checked_before_training_names_every_key_and_choice():
    checked = Space(SPACE).every_choice()
    assert {values["rnn"] for values in checked} == set(SPACE["rnn"])
    assert all(set(values) == set(SPACE) for values in checked)


def test_a_space_is_read_again_from_what_it_says_of_itself():
    assert Space(Space(SPACE).described()).axes == Space(SPACE).axes


@pytest.mark.parametrize("share", [0.0, 0.01, 0.99, 1.0])
def test_the_edge_of_a_range_is_said(share):
    space = Space({"optimizer.lr": SPACE["optimizer.lr"]})
    (note,) = space.edges(space.at([share]))
    assert "the best lies at the edge of optimizer.lr's range" in note
    assert ("below" if share < 0.5 else "above") in note
    assert not space.edges(space.at([0.5]))


@pytest.mark.parametrize(
    "value", [None, True, False, 3, 1e-5, 0.1, "lstm", "two words", "it's", "a,b=[c]", [8, 16], {"a": 1}, ""]
)
def test_values_survive_the_command_line(value):
    (override,) = overrides_of({"key": value})
    assert OverridesParser.create().parse_override(override).value() == value


def test_numbers_are_written_as_they_are_recorded():
    value = Space(SPACE).at([math.pi / 10, 0, 0])["optimizer.lr"]
    assert float(written(value)) == value


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "sweep.space is empty"),
        ({"a": []}, "a has no choices"),
        ({"a": 3}, "a is 3; expected"),
        ({"a": {"low": 1}}, "expected a:"),
        ({"a": {"low": 2, "high": 1}}, "expected low below high"),
        ({"a": {"low": 0, "high": 1, "scale": "log"}}, "low above 0"),
        ({"a": {"low": 0, "high": 1, "scale": "cubic"}}, "expected linear or log"),
    ],
)
def test_a_space_that_is_none_is_said(space, message):
    with pytest.raises(UserError, match=message):
        Space(space)
