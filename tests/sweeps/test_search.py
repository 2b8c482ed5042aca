"""Which trials come next, on a landscape whose best place is known."""

import math
import sys
from collections import Counter

import pytest

from seqvision.errors import UserError
from seqvision.sweeps import Beside, CoarseToFine, Grid, Optuna, Random, Variants

SPACE = {"lr": {"low": 1e-5, "high": 1e-1, "scale": "log"}, "size": {"low": 0, "high": 100}, "rnn": ["elman", "lstm"]}


def height(values) -> float:
    """Best, at 0, for a rate of 3e-3, a size of 70 and an LSTM."""
    rate = math.log10(values["lr"] / 3e-3)
    return -(rate**2) - ((values["size"] - 70) / 50) ** 2 - 0.3 * (values["rnn"] != "lstm")


def searched(search, *, of=height):
    """All proposals with their scores."""
    scored = []
    while proposals := search.propose(scored):
        scored += [(proposal, of(proposal.values)) for proposal in proposals]
    return scored


def best(scored) -> float:
    return max(score for _, score in scored)


def test_a_grid_has_all_combinations_of_as_many_values_as_fit():
    proposals = Grid(SPACE, trials=20).propose([])
    assert len(proposals) == 18
    assert len({proposal.overrides for proposal in proposals}) == 18
    assert sorted({proposal.values["size"] for proposal in proposals}) == [0, 50, 100]
    assert sorted({proposal.values["lr"] for proposal in proposals}) == [1e-5, 1e-3, 1e-1]
    with pytest.raises(UserError, match=r"sweep.trials is 7; a grid over this space has 8 at least"):
        Grid(SPACE, trials=7).propose([])


def test_draws_are_the_same_for_a_seed_and_more_of_them_add_to_those_there_are():
    few, many, other = (Random(SPACE, trials=n, seed=seed).propose([]) for n, seed in ((5, 1), (9, 1), (5, 2)))
    assert many[:5] == few
    assert other != few
    assert len({proposal.values["lr"] for proposal in many}) == 9


def test_draws_are_even_over_a_logarithmic_scale():
    rates = [math.log10(proposal.values["lr"]) for proposal in Random(SPACE, trials=2000).propose([])]
    for decade in (-5, -4, -3, -2):
        assert sum(decade <= rate < decade + 1 for rate in rates) == pytest.approx(500, abs=70)


def test_rounds_come_nearer_to_the_best_and_stay_inside():
    scored = searched(CoarseToFine(SPACE, trials=30, rounds=3))
    assert len(scored) == 30
    rounds = [scored[:10], scored[10:20], scored[20:]]
    widths = [
        max(math.log10(p.values["lr"]) for p, _ in part) - min(math.log10(p.values["lr"]) for p, _ in part)
        for part in rounds
    ]
    assert widths[0] > widths[1] > widths[2]
    assert all(1e-5 <= proposal.values["lr"] <= 1e-1 and 0 <= proposal.values["size"] <= 100 for proposal, _ in scored)
    wins = [
        best(searched(CoarseToFine(SPACE, trials=30, seed=s))) > best(searched(Random(SPACE, trials=30, seed=s)))
        for s in range(20)
    ]
    assert sum(wins) >= 15, "drawing near the best finds better ones"


def test_a_round_may_train_longer_than_the_one_before():
    scored = searched(CoarseToFine(SPACE, trials=6, rounds=3, epochs=[1, 2, 5]))
    assert [proposal.overrides[-1].partition("=")[2] for proposal, _ in scored] == ["1", "1", "2", "2", "5", "5"]
    with pytest.raises(UserError, match="2 numbers for 3 rounds"):
        CoarseToFine(SPACE, trials=6, rounds=3, epochs=[1, 2])


def test_less_may_be_better_and_trials_without_a_score_are_no_best():
    search = CoarseToFine(SPACE, trials=20, rounds=2, mode="min")
    scored = searched(search, of=lambda values: None if values["rnn"] == "elman" else -height(values))
    assert search.best(scored).values["rnn"] == "lstm"
    assert {proposal.values["rnn"] for proposal, _ in scored[10:]} == {"lstm"}


def test_a_best_at_an_edge_is_noted():
    search = Random(SPACE, trials=200)
    (note,) = search.notes(searched(search, of=lambda values: -values["lr"] - abs(values["size"] - 50) * 1e-9))
    assert "the best lies at the edge of lr's range" in note
    assert not search.notes(searched(search))


def test_optuna_finds_more_than_draws_and_goes_on_from_the_scores_alone():
    pytest.importorskip("optuna", reason="an extra: pip install 'seqvision[optuna]'")
    scored = searched(Optuna(SPACE, trials=25))
    assert len(scored) == 25
    again = Optuna(SPACE, trials=25).propose(scored[:12])
    assert again == [scored[12][0]], "what comes next depends on the scores so far, and on nothing else"
    rivals = [(best(searched(kind(SPACE, trials=25, seed=seed))) for kind in (Optuna, Random)) for seed in range(5)]
    assert sum(learnt > drawn for learnt, drawn in rivals) >= 4


def test_optuna_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"pip install 'seqvision\[optuna\]'"):
        Optuna(SPACE, trials=3)


def test_variants_come_in_their_order_once():
    variants = Variants({"b": ["rnn=lstm"], "a one": []})
    proposals = variants.propose([])
    assert [(each.name, each.overrides, each.folder) for each in proposals] == [
        ("b", ("rnn=lstm",), "b"),
        ("a one", (), "a_one"),
    ]
    assert variants.propose([(each, 1.0) for each in proposals]) == []


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({}, "is empty"),
        ({"a": "rnn=lstm"}, "'a' is 'rnn=lstm'; expected a list"),
        ({"a": [{"rnn": "lstm"}]}, "expected a list of overrides"),
        ({"a": ["seed=3"]}, "sweep.seeds"),
        ({"a b": [], "a_b": []}, "make the same folder"),
    ],
)
def test_variants_that_are_none_are_said(variants, message):
    with pytest.raises(UserError, match=message):
        Variants(variants)


def test_searches_beside_each_other_have_as_many_trials():
    """A grid over two ranges has nine of ten."""
    space = {"a": {"low": 0.0, "high": 1.0}, "b": {"low": 0.0, "high": 1.0}}
    proposals = Beside({"grid": Grid(space, trials=10), "random": Random(space, trials=10)}).propose([])
    assert Counter(proposal.name.split()[0] for proposal in proposals) == {"grid": 9, "random": 9}
