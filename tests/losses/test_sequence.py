"""Losses against torch's own, hand-computed numbers and longer padding."""

import pytest
import torch
import torch.nn.functional as F

from seqvision.losses import SequenceCrossEntropy, doubly_stochastic_penalty, sequence_log_probability

WORDS = 7


@pytest.fixture
def batch():
    """Scores, targets and mask of three captions of 4, 1 and 2 words."""
    torch.manual_seed(0)
    valid = torch.arange(4) < torch.tensor([4, 1, 2]).unsqueeze(1)
    return torch.randn(3, 4, WORDS), torch.randint(WORDS, (3, 4)), valid


def padded(tensor: torch.Tensor, value: float) -> torch.Tensor:
    """Three more steps of anything."""
    more = torch.full((len(tensor), 3, *tensor.shape[2:]), value, dtype=tensor.dtype)
    return torch.cat([tensor, more], dim=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs_over_the_valid_words(batch, smoothing):
    logits, targets, valid = batch
    loss = SequenceCrossEntropy(label_smoothing=smoothing)(logits, targets, valid)
    ignored = targets.masked_fill(~valid, -100)
    expected = F.cross_entropy(logits.flatten(0, 1), ignored.flatten(), reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected)


def test_smoothed_target_by_hand():
    logits = torch.tensor([[[2.0, 0.0]]])
    loss = SequenceCrossEntropy(label_smoothing=0.2)(logits, torch.tensor([[0]]), torch.tensor([[True]]))
    log_p = logits.log_softmax(-1)[0, 0]
    assert loss == pytest.approx(float(-(0.9 * log_p[0] + 0.1 * log_p[1])))


@pytest.mark.parametrize("filling", [0.0, 1e4, float("nan")])
def test_padding_changes_nothing(batch, filling):
    logits, targets, valid = batch
    more = padded(logits, filling), padded(targets, 0), padded(valid, False)
    for loss in (SequenceCrossEntropy(label_smoothing=0.1), sequence_log_probability):
        torch.testing.assert_close(loss(*more), loss(logits, targets, valid))
    leaf = more[0].requires_grad_()
    SequenceCrossEntropy()(leaf, *more[1:]).backward()
    assert not leaf.grad[~more[2]].any()


def test_half_precision_scores_are_summed_in_single(batch):
    logits, targets, valid = batch
    assert SequenceCrossEntropy()(logits.bfloat16(), targets, valid).dtype == torch.float32


def test_doubly_stochastic_penalty_by_hand():
    attention = torch.tensor([[[0.5, 0.5], [0.2, 0.8], [9.0, 9.0]], [[1.0, 0.0], [9.0, 9.0], [9.0, 9.0]]])
    valid = torch.tensor([[True, True, False], [True, False, False]])
    # places are looked at .7 and 1.3 times, then 1 and 0 times
    expected = (0.3**2 + 0.3**2) / 2 + (0.0 + 1.0) / 2
    assert doubly_stochastic_penalty(attention, valid) == pytest.approx(expected)


def test_log_probability_is_that_of_the_whole_sequence(batch):
    logits, targets, valid = batch
    log_p = logits.log_softmax(-1)
    expected = [sum(log_p[b, t, targets[b, t]] for t in range(n)) for b, n in enumerate([4, 1, 2])]
    torch.testing.assert_close(sequence_log_probability(logits, targets, valid), torch.stack(expected))
