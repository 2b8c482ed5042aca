"""Where a caption may have no further word, only the end is possible: searches against plain ones and enumeration."""

import math
from itertools import pairwise

import pytest
import torch

from seqvision.decoding import BeamSearch, DiverseBeamSearch, GreedySearch, Sampling

START, END = 1, 2
WORDS = (4, 5, 6)  # of a vocabulary of 7, after padding, start, end and unknown
LONGEST = 3


def no_word_twice(tokens):
    return len(tokens) == len({*tokens})


def no_pair_twice(tokens):
    pairs = [*pairwise(tokens)]
    return len(pairs) == len({*pairs})


RULES = {
    "free": ({}, {}, lambda tokens: True),
    "min_length": ({"min_length": 2}, {}, lambda tokens: True),
    "forbidden": ({}, {"forbidden": (5,)}, lambda tokens: 5 not in tokens),
    "no_word_twice": ({"no_repeat_ngram": 1}, {}, no_word_twice),
    "no_pair_twice": ({"no_repeat_ngram": 2}, {}, no_pair_twice),
}
every_rule = pytest.mark.parametrize("rule", RULES)


def plain_beam(rescore, model, features, width, *, shortest, power, allow):
    """The best (score, tokens) that a beam of `width` finishes, found with lists and the model's own scores."""
    beams, found = [((), 0.0)], []
    for length in range(LONGEST + 1):
        candidates = []
        for tokens, _ in beams:
            if length >= shortest:
                candidates.append((rescore(model, features, tokens, True)[0], tokens, True))
            if length < LONGEST:
                longer = [(*tokens, word) for word in WORDS if allow((*tokens, word))]
                candidates += [(rescore(model, features, each, False)[0], each, False) for each in longer]
        best = sorted(candidates, reverse=True)[:width]
        found += [(total / (length + 1) ** power, tokens) for total, tokens, ended in best if ended]
        beams = [(tokens, total) for total, tokens, ended in best if not ended]
    return max(found)


@every_rule
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_narrow_beam_is_the_plain_search(toy_captioner, pictures, rescore, rule, power):
    options, demands, allow = RULES[rule]
    for seed in range(5):
        model, features = toy_captioner(seed, vocabulary=7, end_bias=-2.0), pictures(1, seed=seed)
        for width in (1, 2):
            decoder = BeamSearch(width, max_length=LONGEST, length_penalty=power, **options)
            [[found, *_]] = decoder(model, features, **demands)
            shortest = options.get("min_length", 1)
            score, tokens = plain_beam(rescore, model, features, width, shortest=shortest, power=power, allow=allow)
            assert found.finished
            assert found.tokens == tokens
            assert found.score == pytest.approx(score, abs=1e-6)


@every_rule
@pytest.mark.parametrize(
    "decoder",
    [
        (GreedySearch, {}),
        (Sampling, {"samples": 5}),
        (Sampling, {"samples": 5, "top_k": 2, "top_p": 0.9}),
        (BeamSearch, {"beam_size": 2, "n_best": 2}),
        (DiverseBeamSearch, {"beam_size": 4, "groups": 2, "n_best": 2, "diversity": 9.0}),
    ],
    ids=["greedy", "sampling", "nucleus", "beam", "diverse"],
)
def test_every_caption_ends_and_is_scored_with_its_end(toy_captioner, pictures, enumerate_captions, rule, decoder):
    (kind, settings), (options, demands, allow) = decoder, RULES[rule]
    model, features = toy_captioner(3, vocabulary=7, end_bias=-6.0), pictures(4)
    for picture, captions in enumerate(kind(max_length=LONGEST, **settings, **options)(model, features, **demands)):
        shortest = options.get("min_length", 1)
        truth = enumerate_captions(model, features[picture : picture + 1], WORDS, shortest, LONGEST, 0.0, allow)
        scores = {tokens: score for score, tokens in truth}
        for h in captions:
            assert h.finished
            assert h.log_probability == pytest.approx(scores[h.tokens], abs=1e-5)


def test_required_words_leave_room_and_the_end_comes(toy_captioner, pictures):
    model, features = toy_captioner(5, vocabulary=7, end_bias=-6.0), pictures(5)
    for kind in (GreedySearch, Sampling, BeamSearch, DiverseBeamSearch):
        for captions in kind(max_length=LONGEST)(model, features, required=[(6, 4), (5,)]):
            for h in captions:
                assert h.finished
                assert h.tokens in {(6, 4, 5), (5, 6, 4)}


def test_a_text_is_drawn_as_often_as_the_rules_say(toy_captioner, pictures, enumerate_captions):
    """The shares of all texts by `Rules.along` add up to 1, and sampling has them."""
    model, features = toy_captioner(3, vocabulary=7), pictures(1)
    count = 4000
    decoder = Sampling(samples=count, max_length=2)
    rules = decoder.rules(torch.device("cpu"))
    shares = {}
    for _, tokens in enumerate_captions(model, features, WORDS, 1, 2):
        text = torch.tensor([[*tokens, END]])
        memory, state = model.start(features)
        rows = []
        for token in (START, *tokens):
            scores, state, _ = model.step(torch.tensor([[token]]), state, memory)
            rows.append(scores[:, 0])
        each = rules.along(torch.stack(rows, dim=1), text).log_softmax(-1).gather(-1, text.unsqueeze(-1))
        shares[tokens] = math.exp(each.sum())
    assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
    [captions] = decoder(model, features)
    for tokens, share in shares.items():
        found = sum(h.tokens == tokens for h in captions) / count
        assert found == pytest.approx(share, abs=4 * (share * (1 - share) / count) ** 0.5 + 1e-9)
