from itertools import pairwise
from math import inf

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqvision.decoding import BeamSearch, DiverseBeamSearch, GreedySearch, Sampling
from seqvision.errors import UserError

PAD, START, END, UNKNOWN = range(4)
KINDS = [GreedySearch, Sampling, BeamSearch, DiverseBeamSearch]
every_kind = pytest.mark.parametrize("kind", KINDS)


def contains(tokens, words):
    return any(tokens[i : i + len(words)] == tuple(words) for i in range(len(tokens)))


@every_kind
def test_special_tokens_never_occur(toy_captioner, pictures, kind):
    model, features = toy_captioner(0), pictures(5)
    model.bias[[PAD, START, UNKNOWN]] = 50.0  # and how the model would like them
    for [h, *_] in kind(max_length=8)(model, features):
        assert not {PAD, START, END, UNKNOWN} & {*h.tokens}
    assert {UNKNOWN} == {t for [h, *_] in kind(max_length=8, allow_unknown=True)(model, features) for t in h.tokens}


@every_kind
def test_the_end_waits_for_the_least_number_of_words(toy_captioner, pictures, kind):
    model, features = toy_captioner(0, end_bias=9.0), pictures(5)
    for shortest in (0, 1, 4, 8):
        captions = kind(max_length=8, min_length=shortest)(model, features)
        assert {len(own[0].tokens) for own in captions} == {shortest}
        assert all(own[0].finished for own in captions)


@every_kind
def test_where_nothing_ends_there_is_a_caption_all_the_same(toy_captioner, pictures, kind, rescore):
    model, features = toy_captioner(0), pictures(3)
    model.bias[END] = -inf
    for picture, captions in enumerate(kind(max_length=5)(model, features)):
        for h in captions:
            assert not h.finished
            assert len(h.tokens) == 5
            truth = rescore(model, features[picture : picture + 1], h.tokens, False)[0]
            assert h.log_probability == pytest.approx(truth, abs=1e-5)
    model.bias[END] = 0.0
    assert not any(h.finished for own in kind(max_length=5)(model, features, forbidden=(END,)) for h in own)


@every_kind
def test_where_nothing_is_allowed_any_more_the_caption_stops_there(toy_captioner, pictures, kind):
    model, features = toy_captioner(0, vocabulary=6), pictures(3)
    for captions in kind(max_length=5, no_repeat_ngram=1)(model, features, forbidden=(END,)):
        assert all(sorted(h.tokens) == [4, 5] and not h.finished for h in captions)
    for captions in kind(max_length=5)(model, features, forbidden=(END, 4, 5)):
        assert [(h.tokens, h.finished, h.log_probability) for h in captions] == [((), False, 0.0)]


@every_kind
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_occurs_twice(toy_captioner, pictures, kind, size):
    model, features = toy_captioner(1, vocabulary=12, end_bias=-20.0, scale=2.0), pictures(6)
    length = 8 if size == 1 else 20

    def repeats(captions):
        for own in captions:
            for h in own:
                ngrams = [h.tokens[i : i + size] for i in range(len(h.tokens) - size + 1)]
                yield len(ngrams) - len({*ngrams})

    assert sum(repeats(kind(max_length=length)(model, features))) > 0, "without the rule this model repeats itself"
    assert sum(repeats(kind(max_length=length, no_repeat_ngram=size)(model, features))) == 0


@every_kind
def test_forbidden_words_never_occur(toy_captioner, pictures, kind):
    model, features = toy_captioner(1, vocabulary=12), pictures(6)
    usual = {t for own in kind(max_length=8)(model, features) for h in own for t in h.tokens}
    favourites = sorted(usual)[:3]
    captions = kind(max_length=8)(model, features, forbidden=favourites)
    assert not {*favourites} & {t for own in captions for h in own for t in h.tokens}


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_full_beam_under_all_rules_finds_the_best_that_obeys_them(
    toy_captioner, pictures, enumerate_captions, length_penalty
):
    model, features = toy_captioner(5, vocabulary=8, end_bias=1.0), pictures(1)

    def allow(tokens):
        bigrams = [*pairwise(tokens)]
        return len(bigrams) == len({*bigrams}) and contains(tokens, (6, 5)) and contains(tokens, (4,))

    truth = enumerate_captions(model, features, (4, 5, 6), 2, 4, length_penalty, allow)[:5]
    decoder = BeamSearch(500, max_length=4, min_length=2, no_repeat_ngram=2, length_penalty=length_penalty, n_best=5)
    [captions] = decoder(model, features, forbidden=(7,), required=[(6, 5), (4,)])
    assert [h.tokens for h in captions] == [tokens for _, tokens in truth]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    kind=st.sampled_from(KINDS),
    required=st.lists(st.lists(st.integers(4, 7), min_size=1, max_size=3), min_size=1, max_size=3),
    spare=st.integers(0, 4),
    no_repeat_ngram=st.integers(0, 2),
)
def test_required_words_always_occur_when_length_allows(
    toy_captioner, pictures, seed, kind, required, spare, no_repeat_ngram
):
    model, features = toy_captioner(seed, vocabulary=8), pictures(3, seed=seed)
    room = sum(map(len, required)) + spare
    for captions in kind(max_length=room, no_repeat_ngram=no_repeat_ngram)(model, features, required=required):
        for h in captions:
            assert all(contains(h.tokens, words) for words in required)


def test_a_beam_places_required_words_where_the_model_likes_them(table_model):
    # 7 is the third choice at first and all but impossible later; a part of the beam keeps it from the start
    model = table_model(
        {1: {4: 0.5, 5: 0.3, 7: 0.2}, 4: {5: 0.95, 7: 0.01}, 5: {END: 0.9, 7: 0.01}, 7: {4: 0.9, END: 0.1}}, 8
    )
    beam = BeamSearch(2, max_length=4)(model, torch.zeros(1, 1), required=[(7,)])[0][0]
    greedy = GreedySearch(max_length=4)(model, torch.zeros(1, 1), required=[(7,)])[0][0]
    assert beam.tokens == (7, 4, 5)
    assert 7 in greedy.tokens
    assert beam.log_probability > greedy.log_probability


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"required": [()]}, "required: found an empty sequence"),
        ({"required": [(5,)], "forbidden": (5,)}, "token id 5 is required and forbidden at once"),
        ({"required": [(5, UNKNOWN)]}, "token id 3 stands for padding, start, end or an unknown word"),
        ({"required": [(5, END)]}, "token id 2 stands for padding"),
        ({"required": [(5, 4), (6, 7)]}, "found 4 tokens, but a caption has at most 3; raise max_length to 4"),
        ({"forbidden": (8,)}, "found token id 8 .* the model knows ids 0 to 7"),
        ({"required": [(99,)]}, "found token id 99 .* the model knows ids 0 to 7"),
        ({"forbidden": (-1,)}, "found token id -1"),
    ],
)
def test_demands_that_cannot_be_met_are_refused(toy_captioner, pictures, call, message):
    with pytest.raises(UserError, match=message):
        GreedySearch(max_length=3)(toy_captioner(), pictures(1), **call)
