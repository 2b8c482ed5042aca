import math
from collections import Counter

import pytest
import torch

from seqvision.decoding import GreedySearch, Sampling
from seqvision.errors import UserError

END = 2


def plain(captions):
    return [[(h.tokens, h.finished) for h in own] for own in captions]


def first_words(decoder, model, count):
    """The share of each first word among samples for one picture."""
    [captions] = decoder(model, torch.zeros(1, 1))
    found = Counter(h.tokens[0] for h in captions)
    return {word: found[word] / count for word in found}


def test_greedy_takes_the_most_probable_word_at_every_step(table_model):
    # the greedy caption is not the most probable one
    model = table_model({1: {4: 0.6, 5: 0.4}, 4: {4: 0.4, 5: 0.3, END: 0.3}, 5: {END: 1.0}}, 6)
    [[h]] = GreedySearch(max_length=3)(model, torch.zeros(1, 1))
    assert h.tokens == (4, 4, 4)
    assert h.finished  # after max_length words there is nothing but the end


@pytest.mark.parametrize("decoder", [GreedySearch(max_length=12), Sampling(samples=3, max_length=12, temperature=0)])
def test_a_batch_gives_what_its_pictures_give_one_by_one(toy_captioner, pictures, decoder):
    model, features = toy_captioner(3, vocabulary=30, end_bias=1.0, scale=1.5), pictures(12)
    together = decoder(model, features)
    assert len(set(model.rows_seen)) > 2, "the pictures should leave the batch at different steps"
    for picture, captions in enumerate(together):
        [alone] = decoder(model, features[picture : picture + 1])
        assert [h.tokens for h in alone] == [h.tokens for h in captions]
        for mine, theirs in zip(alone, captions, strict=True):
            assert mine.log_probability == pytest.approx(theirs.log_probability, abs=1e-5)
            torch.testing.assert_close(mine.attention, theirs.attention)


@pytest.mark.parametrize("decoder", [GreedySearch(max_length=7), Sampling(samples=4, max_length=7, temperature=2.0)])
def test_log_probability_and_attention_are_the_models_own(toy_captioner, pictures, rescore, decoder):
    model, features = toy_captioner(4, end_bias=1.5), pictures(8)
    captions = decoder(model, features)
    assert len({len(h.tokens) for own in captions for h in own}) > 2
    for picture, own in enumerate(captions):
        assert own == sorted(own, key=lambda h: (h.finished, h.score), reverse=True)
        for h in own:
            truth, attention = rescore(model, features[picture : picture + 1], h.tokens, h.finished)
            assert h.log_probability == h.score == pytest.approx(truth, abs=1e-5)
            torch.testing.assert_close(h.attention, attention)


FIRST = {4: 0.5, 5: 0.3, 6: 0.15, 7: 0.05}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, FIRST),
        ({"temperature": 0.5}, {4: 0.25, 5: 0.09, 6: 0.0225, 7: 0.0025}),
        ({"temperature": 2}, {4: 0.5**0.5, 5: 0.3**0.5, 6: 0.15**0.5, 7: 0.05**0.5}),
        ({"top_k": 2}, {4: 0.5, 5: 0.3}),
        ({"top_p": 0.9}, {4: 0.5, 5: 0.3, 6: 0.15}),
        ({"top_p": 0.79}, {4: 0.5, 5: 0.3}),
        ({"top_p": 0.01}, {4: 1.0}),
        ({"top_k": 3, "top_p": 0.8}, {4: 0.5, 5: 0.3}),  # .5 and .3 are .84 of the three best
    ],
)
def test_words_are_as_frequent_as_the_model_says(table_model, options, expected):
    count = 5000
    model = table_model({1: FIRST, **{key: {END: 1.0} for key in FIRST}}, 8)
    found = first_words(Sampling(samples=count, max_length=1, **options), model, count)
    assert found.keys() == expected.keys()
    for word, share in expected.items():
        share /= sum(expected.values())
        assert found[word] == pytest.approx(share, abs=4 * (share * (1 - share) / count) ** 0.5 + 1e-9)


def test_a_nucleus_wider_than_the_first_guess_is_whole(table_model):
    vocabulary = 400
    even = dict.fromkeys(range(4, vocabulary), 1 / (vocabulary - 4))
    model = table_model({1: even, **{key: {END: 1.0} for key in even}}, vocabulary)
    [captions] = Sampling(samples=6000, max_length=1, top_p=0.95)(model, torch.zeros(1, 1))
    assert len({h.tokens for h in captions}) == pytest.approx(0.95 * len(even), abs=1)


@pytest.mark.parametrize("options", [{"temperature": 1e-4}, {"temperature": 0}, {"top_k": 1}, {"top_p": 1e-6}])
def test_without_chance_sampling_is_greedy(toy_captioner, pictures, options):
    model, features = toy_captioner(2, vocabulary=20), pictures(6)
    greedy = GreedySearch(max_length=8)(model, features)
    sampled = Sampling(samples=2, max_length=8, **options)(model, features)
    assert plain(sampled) == [own * 2 for own in plain(greedy)]


def test_the_same_seed_gives_the_same_captions(toy_captioner, pictures):
    model, features = toy_captioner(2, vocabulary=20), pictures(6)
    options = {"samples": 3, "max_length": 8}
    decoder = Sampling(**options, seed=7)
    first, second = decoder(model, features), decoder(model, features)
    assert plain(first) != plain(second), "the generator goes on"
    assert plain(first) == plain(Sampling(**options, seed=7)(model, features))
    assert plain(first) != plain(Sampling(**options, seed=8)(model, features))
    decoder.reseed(7)
    assert plain(first) == plain(decoder(model, features))


def test_batches_of_any_size_give_the_same_samples(toy_captioner, pictures):
    model, features = toy_captioner(2, vocabulary=20, end_bias=1.0), pictures(7)
    whole = Sampling(samples=3, max_length=8)(model, features)
    decoder = Sampling(samples=3, max_length=8)
    assert plain(decoder(model, features[:2]) + decoder(model, features[2:])) == plain(whole)


def test_global_random_numbers_are_left_alone(toy_captioner, pictures):
    before = torch.get_rng_state()
    Sampling(samples=3, max_length=8)(toy_captioner(), pictures(2))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "Sampling: samples is 0, but must be 1 to 100000"),
        ({"temperature": -1}, r"temperature is -1, but must be 0 \(greedy\), or from a millionth to a million"),
        ({"top_k": -1}, r"top_k is -1, but must be 0 \(off\) or more"),
        ({"top_p": 0}, r"top_p is 0, but must be above 0 and at most 1 \(off\)"),
        ({"top_p": 1.1}, "top_p is 1.1"),
        *(({"temperature": value}, "temperature is ") for value in (math.inf, math.nan, 1e-300)),
        ({"samples": 10**9}, "samples is 1000000000"),
        ({"seed": 2**64}, "seed is 18446744073709551616, but must be a whole number from 0 to"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Sampling(**options)
