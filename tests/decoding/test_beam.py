import math
from collections import Counter

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqvision.decoding import BeamSearch, DiverseBeamSearch, GreedySearch
from seqvision.errors import UserError

END = 2
WORDS = (4, 5, 6)  # of a vocabulary of 7, after padding, start, end and unknown


def plain(captions):
    return [[(h.tokens, h.finished) for h in own] for own in captions]


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.0, -0.5])
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_width_one_is_greedy(toy_captioner, pictures, seed, length_penalty):
    model, features = toy_captioner(seed, vocabulary=20), pictures(6, seed=seed)
    greedy = GreedySearch(max_length=9)(model, features)
    beam = BeamSearch(1, max_length=9, length_penalty=length_penalty)(model, features)
    assert plain(beam) == plain(greedy)
    for [mine], [theirs] in zip(beam, greedy, strict=True):
        assert mine.log_probability == pytest.approx(theirs.log_probability, abs=1e-5)
        torch.testing.assert_close(mine.attention, theirs.attention)


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.5, -0.5])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_as_wide_as_there_are_captions_finds_the_true_best(
    toy_captioner, pictures, enumerate_captions, seed, length_penalty
):
    model, features = toy_captioner(seed, vocabulary=7, end_bias=-1.0), pictures(2, seed=seed)
    beam = BeamSearch(3**3 * 4, max_length=3, length_penalty=length_penalty, n_best=10)
    for picture, captions in enumerate(beam(model, features)):
        truth = enumerate_captions(model, features[picture : picture + 1], WORDS, 1, 3, length_penalty)[:10]
        assert [h.tokens for h in captions] == [tokens for _, tokens in truth]
        assert [h.score for h in captions] == pytest.approx([score for score, _ in truth], abs=1e-5)
        assert all(h.finished for h in captions)


def test_the_search_goes_on_while_a_live_beam_may_still_win(table_model):
    # when (4,) ends, the mean of the other beam is worse, also if it ended at once; only its sure words catch up
    sure = {last: {last + 1: 1.0} for last in range(5, 10)}
    model = table_model({1: {4: 0.7, 5: 0.3}, 4: {END: 0.8, 4: 0.2}, **sure, 10: {END: 1.0}}, 11)
    long, short = (5, 6, 7, 8, 9, 10), (4,)
    for length_penalty, winner in [(0.0, short), (1.0, long), (-2.0, short)]:
        [[h]] = BeamSearch(2, length_penalty=length_penalty)(model, torch.zeros(1, 1))
        assert h.tokens == winner
        assert h.score == pytest.approx(h.log_probability / (len(winner) + 1) ** length_penalty)


def test_the_search_stops_when_no_live_beam_can_win(toy_captioner, pictures):
    model = toy_captioner(0, end_bias=3.0)
    BeamSearch(3, max_length=1000)(model, pictures(4))
    assert len(model.rows_seen) < 30


@pytest.mark.parametrize("decoder", [BeamSearch(4, max_length=12, n_best=3, length_penalty=0.6), DiverseBeamSearch(6)])
def test_a_batch_gives_what_its_pictures_give_one_by_one(toy_captioner, pictures, decoder):
    model, features = toy_captioner(3, vocabulary=30, end_bias=1.0), pictures(12)
    together = decoder(model, features)
    assert len(set(model.rows_seen)) > 2, "the pictures should leave the batch at different steps"
    for picture, captions in enumerate(together):
        [alone] = decoder(model, features[picture : picture + 1])
        assert [h.tokens for h in alone] == [h.tokens for h in captions]
        assert [h.score for h in alone] == pytest.approx([h.score for h in captions], abs=1e-5)
        for mine, theirs in zip(alone, captions, strict=True):
            torch.testing.assert_close(mine.attention, theirs.attention)


def test_scores_handled_in_blocks_are_the_same(toy_captioner, pictures, monkeypatch):
    model, features = toy_captioner(3, vocabulary=30, end_bias=1.0), pictures(7)
    decoder = DiverseBeamSearch(6, max_length=8, no_repeat_ngram=1)
    whole = decoder(model, features, required=[(9, 4)])
    monkeypatch.setattr("seqvision.decoding.search.BLOCK", 400)
    assert plain(decoder(model, features, required=[(9, 4)])) == plain(whole)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    beam_size=st.integers(1, 6),
    end_bias=st.floats(-4, 2),
    length_penalty=st.sampled_from([0.0, 0.5, 1.0]),
    max_length=st.integers(1, 8),
)
def test_whatever_the_model_the_list_is_in_order_and_true(
    toy_captioner, pictures, rescore, seed, beam_size, end_bias, length_penalty, max_length
):
    model, features = toy_captioner(seed, vocabulary=9, end_bias=end_bias), pictures(3, seed=seed)
    decoder = BeamSearch(beam_size, max_length=max_length, length_penalty=length_penalty, n_best=beam_size)
    for picture, captions in enumerate(decoder(model, features)):
        assert 1 <= len(captions) <= beam_size
        assert len({h.tokens for h in captions}) == len(captions)
        assert [*captions] == sorted(captions, key=lambda h: (h.finished, h.score), reverse=True)
        for h in captions:
            truth, attention = rescore(model, features[picture : picture + 1], h.tokens, h.finished)
            steps = len(h.tokens) + h.finished
            assert h.log_probability == pytest.approx(truth, abs=1e-4)
            assert h.score == pytest.approx(truth / steps**length_penalty, abs=1e-4)
            assert h.finished or len(h.tokens) == max_length
            torch.testing.assert_close(h.attention, attention)


def test_n_best_is_filled_with_unfinished_captions_after_the_finished(table_model):
    model = table_model({1: {4: 0.6, 5: 0.4}, 4: {END: 1.0}, 5: {6: 1.0}, 6: {6: 1.0}}, 7)
    captions = BeamSearch(2, max_length=3, n_best=2)(model, torch.zeros(1, 1))[0]
    assert [(h.tokens, h.finished) for h in captions] == [((4,), True), ((5, 6, 6), False)]


def test_groups_that_keep_apart_give_captions_that_differ(toy_captioner, pictures):
    model, features = toy_captioner(1, vocabulary=30, end_bias=9.0), pictures(8)
    options = {"max_length": 6, "min_length": 6, "n_best": 3}
    usual = BeamSearch(6, **options)(model, features)
    diverse = DiverseBeamSearch(6, groups=3, diversity=50.0, **options)(model, features)

    def shared_places(captions):
        texts = [h.tokens for h in captions]
        return sum(a == b for i in range(3) for j in range(i) for a, b in zip(texts[i], texts[j], strict=True))

    assert sum(map(shared_places, diverse)) < sum(map(shared_places, usual)) / 2
    for captions in diverse:
        assert len({h.tokens[0] for h in captions}) == 3, "every group begins with a word of its own"
        assert [h.score for h in captions] == sorted((h.score for h in captions), reverse=True)


def plain_groups(rescore, model, features, *, groups, width, diversity, longest):
    """What each group finishes, best first: algorithm 1 of Vijayakumar et al. (2016), with Hamming diversity."""
    beams, found = [[((), 0.0)]] * groups, [[] for _ in range(groups)]
    for length in range(longest + 1):
        taken = Counter()  # how often earlier groups have chosen each word at this step; the end costs nothing
        for group, own in enumerate(beams):
            ends = [(rescore(model, features, t, True)[0], t, True) for t, _ in own if length]
            longer = [(*tokens, word) for tokens, _ in own if length < longest for word in WORDS]
            candidates = ends + [(rescore(model, features, tokens, False)[0], tokens, False) for tokens in longer]
            ranked = sorted(candidates, key=lambda each: each[0] - diversity * (not each[2] and taken[each[1][-1]]))
            best = ranked[::-1][:width]
            found[group] += [(total, tokens) for total, tokens, ended in best if ended]
            beams[group] = [(tokens, total) for total, tokens, ended in best if not ended]
            taken.update(tokens[-1] for tokens, _ in beams[group])
    return [sorted(each, reverse=True) for each in found]


@pytest.mark.parametrize("diversity", [0.5, 2.0])
def test_groups_find_what_the_plain_algorithm_finds(toy_captioner, pictures, rescore, diversity):
    for seed in range(6):
        model, features = toy_captioner(seed, vocabulary=7, end_bias=-1.0), pictures(1, seed=seed)
        settings = {"groups": 2, "diversity": diversity}
        [captions] = DiverseBeamSearch(4, max_length=3, n_best=4, **settings)(model, features)
        groups = plain_groups(rescore, model, features, width=2, longest=3, **settings)
        assert {h.tokens for h in captions} == {tokens for found in groups for _, tokens in found[:2]}


def test_fewer_captions_rather_than_fragments(table_model):
    # groups that do not look at each other find the same three; (6, 8, 8), given up half-way, is no fourth caption
    model = table_model(
        {
            1: {4: 0.5, 5: 0.3, 6: 0.2},
            4: {END: 1.0},
            5: {7: 1.0},
            6: {8: 1.0},
            7: {END: 0.5, 9: 0.5},
            8: {8: 0.6, 10: 0.4},
            9: {END: 0.9, 9: 0.1},
        },
        11,
    )
    [captions] = DiverseBeamSearch(6, groups=2, diversity=0.0, n_best=4)(model, torch.zeros(1, 1))
    assert [(h.tokens, h.finished) for h in captions] == [((4,), True), ((5, 7), True), ((5, 7, 9), True)]


def test_diversity_bears_on_the_choice_and_not_on_the_scores(toy_captioner, pictures, rescore):
    model, features = toy_captioner(1, vocabulary=30), pictures(1)
    for h in DiverseBeamSearch(6, max_length=6, diversity=50.0)(model, features)[0]:
        assert h.log_probability == pytest.approx(rescore(model, features, h.tokens, h.finished)[0], abs=1e-5)


def test_one_group_is_plain_beam_search_and_blind_groups_are_all_the_same(toy_captioner, pictures):
    model, features = toy_captioner(2, vocabulary=12), pictures(4)
    options = {"max_length": 6, "length_penalty": 0.5}
    one = DiverseBeamSearch(4, groups=1, diversity=9.0, n_best=4, **options)(model, features)
    assert plain(one) == plain(BeamSearch(4, n_best=4, **options)(model, features))
    blind = DiverseBeamSearch(4, groups=2, diversity=0.0, n_best=2, **options)(model, features)
    assert plain(blind) == plain(BeamSearch(2, n_best=2, **options)(model, features))


NO_PENALTIES = (math.inf, -math.inf, math.nan, 300.0, 400, 1e308, -8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 0}, "BeamSearch: beam_size is 0, but must be 1 to 1000"),
        ({"n_best": 6}, r"n_best is 6, but must be 1 to beam_size \(5\)"),
        ({"max_length": 0}, "max_length is 0, but must be 1 to 10000"),
        ({"min_length": 31}, r"min_length is 31, but must be 0 to max_length \(30\)"),
        ({"no_repeat_ngram": -1}, r"no_repeat_ngram is -1, but must be 0 \(off\) to 10000"),
        *(({"length_penalty": x}, "length_penalty is .*, but must be a number from -7 to 7") for x in NO_PENALTIES),
        ({"beam_size": 10**12}, "beam_size is 1000000000000, but must be 1 to 1000"),
        ({"max_length": 10**9}, "max_length is 1000000000, but must be 1 to 10000"),
        ({"no_repeat_ngram": 10**20}, "no_repeat_ngram is 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        BeamSearch(**options)


def test_groups_that_do_not_divide_the_beam_are_refused():
    with pytest.raises(UserError, match=r"beam_size is 6, but must be a multiple of groups \(4\)"):
        DiverseBeamSearch(6, groups=4)
    with pytest.raises(UserError, match="groups is 0"):
        DiverseBeamSearch(6, groups=0)
    for diversity in (-1, math.inf, math.nan):
        with pytest.raises(UserError, match=f"diversity is {diversity}"):
            DiverseBeamSearch(6, diversity=diversity)


@pytest.mark.parametrize("penalty", [7.0, -7.0])
def test_the_steepest_length_penalty_stays_in_the_range_of_numbers(toy_captioner, pictures, penalty):
    model = toy_captioner(0, vocabulary=7)
    (found,) = BeamSearch(2, n_best=2, max_length=300, length_penalty=penalty)(model, pictures(1))
    assert found
    assert all(math.isfinite(caption.score) for caption in found)
    assert torch.finfo(torch.float32).max > 10_001**7
