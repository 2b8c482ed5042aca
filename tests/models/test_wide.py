"""Linear models beside a network: naive Bayes over words with honest scores in training, and statistics of features."""

import itertools
import math

import pytest
import torch

from seqvision.encoders import EmbeddingFront, LinearFront
from seqvision.errors import UserError
from seqvision.models import SequenceClassifier
from seqvision.models.pooling import MeanPooling
from seqvision.models.wide import NO_PAIR, FrameStatistics, NaiveBayesWords, log_ratios, part_of, statistics
from seqvision.rnn import NoRecurrence

SENTENCES = [[4, 5, 6], [4, 7], [8, 5], [8, 9, 9], [4, 9, 5, 6], [8, 7, 6]]
CLASSES = [0, 0, 1, 1, 0, 1]


def measured(sentences=SENTENCES, classes=CLASSES):
    wide = NaiveBayesWords(2, vocabulary_size=10, pairs=997)
    wide.measure([torch.tensor(each) for each in sentences], torch.tensor(classes))
    return wide


def padded(sentences):
    length = max(map(len, sentences)) + 2
    rows = [each + [3] * (length - len(each)) for each in sentences]
    return torch.tensor(rows), torch.tensor([len(each) for each in sentences])


def test_ratios_are_those_of_the_counts():
    counts = torch.tensor([[3.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    found = log_ratios(counts)
    # 4 of 7 in the first class, 1 of 5 in the other
    assert found[0, 0] == pytest.approx(math.log((4 / 7) / (1 / 5)))
    assert found[0, 1] == pytest.approx(-found[0, 0])
    assert found[2].tolist() == [0, 0]  # never seen: says nothing


def test_words_of_a_class_speak_for_it_and_unknown_ones_for_none():
    wide = measured().eval()
    scores = wide(*padded([[4, 4], [8], [1, 2]]))
    assert scores.argmax(dim=1)[:2].tolist() == [0, 1]
    torch.testing.assert_close(scores[2], wide.bias)


def test_a_pair_counts_only_where_training_has_it_and_the_most_frequent_have_the_rows():
    def known(wide, sentence):
        ids, there = wide._features(torch.tensor([sentence]), torch.tensor([len(sentence)]))
        return sorted(ids[there].tolist())

    wide = measured().eval()
    of_pairs = len({pair for each in SENTENCES for pair in itertools.pairwise(each)})
    assert (wide.keys != NO_PAIR).sum() == of_pairs
    assert len(known(wide, [4, 5])) == 3
    assert known(wide, [5, 4]) == [4, 5]  # the same words, a pair that training does not have
    few = NaiveBayesWords(2, vocabulary_size=10, pairs=1)
    few.measure([torch.tensor(each) for each in SENTENCES], torch.tensor(CLASSES))
    assert few.keys.tolist() == [5 * 10 + 6]  # twice; all others once


def test_scales_and_biases_are_those_of_the_least_loss_on_held_out_scores():
    draws = torch.Generator().manual_seed(0)
    classes = (torch.rand(400, generator=draws) < 0.2).long()  # four of five are of the first class
    words = torch.randint(4, 40, (400, 6), generator=draws)
    words[:, 0] = torch.where(torch.rand(400, generator=draws) < 0.7, 40 + classes, 41 - classes)
    wide = NaiveBayesWords(2, vocabulary_size=42, pairs=997)
    wide.measure(list(words), classes)
    wide.train()
    lengths = torch.full((400,), 6)

    def loss(scale, bias):
        scores = wide.bias + bias + scale * (wide(words, lengths) - wide.bias)
        return torch.nn.functional.cross_entropy(scores, classes)

    best, none = loss(1.0, 0.0), torch.tensor([0.0, 0.1])
    assert all(best < loss(scale, shift) for scale, shift in ((0.8, 0), (1.25, 0), (1, none), (1, -none)))
    assert wide.bias[0] > wide.bias[1]


def test_padding_and_the_order_of_the_batch_change_nothing():
    wide = measured().eval()
    tokens, lengths = padded(SENTENCES)
    alone = torch.cat([wide(torch.tensor([each]), torch.tensor([len(each)])) for each in SENTENCES])
    torch.testing.assert_close(wide(tokens, lengths), alone)
    training = measured().train()
    alone = torch.cat([training(torch.tensor([each]), torch.tensor([len(each)])) for each in SENTENCES])
    torch.testing.assert_close(training(tokens, lengths), alone)


def test_a_training_sentence_is_scored_without_its_own_part():
    draws = torch.Generator().manual_seed(0)
    sentences = [torch.randint(4, 200, (6,), generator=draws).tolist() for _ in range(300)]
    classes = torch.randint(2, (300,), generator=draws).tolist()  # nothing to find
    wide = NaiveBayesWords(2, vocabulary_size=200)
    wide.measure([torch.tensor(each) for each in sentences], torch.tensor(classes))
    tokens, lengths = torch.tensor(sentences), torch.full((300,), 6)
    right = {
        mode: (wide.train(mode)(tokens, lengths).argmax(dim=1) == torch.tensor(classes)).float().mean().item()
        for mode in (True, False)
    }
    assert right[False] > 0.9  # known by heart
    assert 0.4 < right[True] < 0.6  # as good as guessing, as it is on new sentences
    assert len(part_of(tokens, 5).unique()) == 5


def test_the_network_adds_it_and_a_loaded_one_needs_no_counts():
    def network():
        return SequenceClassifier(
            lambda vocabulary_size: EmbeddingFront(vocabulary_size, size=4),
            NoRecurrence,
            pooling=MeanPooling,
            wide=NaiveBayesWords,
            classes=2,
            frames={"vocabulary_size": 10},
        )

    whole = network().eval()
    tokens, lengths = padded(SENTENCES)
    before = whole(tokens, lengths)
    assert (before == 0).all()  # the network's own scores begin at zero
    whole.wide.measure([torch.tensor(each) for each in SENTENCES], torch.tensor(CLASSES))
    after = whole(tokens, lengths)
    torch.testing.assert_close(after, whole.wide(tokens, lengths))
    loaded = network().eval()
    loaded.load_state_dict(whole.state_dict())
    torch.testing.assert_close(loaded(tokens, lengths), after)


def test_statistics_are_those_of_each_recording_alone():
    draws = torch.Generator().manual_seed(0)
    recordings = [torch.randn(length, 3, generator=draws) for length in (1, 4, 7)]
    frames = torch.full((3, 9, 3), float("nan"))
    for row, each in enumerate(recordings):
        frames[row, : len(each)] = each
    expected = torch.stack([torch.cat([x.mean(0), x.std(0, correction=0), x.amin(0), x.amax(0)]) for x in recordings])
    torch.testing.assert_close(statistics(frames, torch.tensor([1, 4, 7])), expected)


def test_statistics_are_scaled_by_training_and_say_nothing_before_they_are_learnt():
    draws = torch.Generator().manual_seed(0)
    recordings = [100 + 10 * torch.randn(5, 2, generator=draws) for _ in range(40)]
    for each in recordings:
        each[:, 1] = 3.0  # never varies
    wide = FrameStatistics(2, features=2)
    wide.measure(recordings, torch.zeros(40, dtype=torch.int64))
    seen = []
    wide.linear.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    scores = wide(torch.stack(recordings), torch.full((40,), 5))
    assert scores.abs().max() == 0
    varies = torch.tensor([True, False] * 4)
    torch.testing.assert_close(seen[0].mean(0), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen[0].std(0, correction=0)[varies], torch.ones(4), atol=1e-4, rtol=0)
    assert seen[0][:, ~varies].abs().max() < 1e-4


@pytest.mark.parametrize(
    ("wide", "front", "frames"),
    [
        (NaiveBayesWords, LinearFront, {"features": 3}),
        (FrameStatistics, EmbeddingFront, {"vocabulary_size": 9}),
    ],
)
def test_what_the_data_lack_for_a_wide_part_is_said(wide, front, frames):
    with pytest.raises(UserError, match=r"wide=words counts words .* Set wide=none"):
        SequenceClassifier(front, NoRecurrence, classes=2, frames=frames, wide=wide)
