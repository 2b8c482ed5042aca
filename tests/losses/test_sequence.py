"""Losses against torch's own, hand-computed numbers and longer padding."""

import pytest
import torch
import torch.nn.functional as F

from seqvision.errors import UserError
from seqvision.losses import SequenceCrossEntropy, doubly_stochastic_penalty, sequence_log_probability

pytestmark = pytest.mark.usefixtures("float64")

WORDS = 7


@pytest.fixture
def batch():
    """Scores, targets and mask of three captions of 4, 1 and 2 words."""
    torch.manual_seed(0)
    valid = torch.arange(4) < torch.tensor([4, 1, 2]).unsqueeze(1)
    return torch.randn(3, 4, WORDS), torch.randint(WORDS, (3, 4)), valid


def through_nothing(size: int = WORDS) -> torch.nn.Linear:
    """An output layer that hands on what it sees."""
    layer = torch.nn.Linear(size, size, bias=False)
    torch.nn.init.eye_(layer.weight)
    return layer


def at(valid: torch.Tensor) -> torch.Tensor:
    """The indices of the valid steps, as a batch has them."""
    return valid.flatten().nonzero().squeeze(1)


def padded(tensor: torch.Tensor, value: float) -> torch.Tensor:
    """Three more steps of anything."""
    more = torch.full((len(tensor), 3, *tensor.shape[2:]), value, dtype=tensor.dtype)
    return torch.cat([tensor, more], dim=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs_over_the_valid_words(batch, smoothing):
    logits, targets, valid = batch
    loss = SequenceCrossEntropy(label_smoothing=smoothing)(logits, targets, at(valid), through_nothing())
    ignored = targets.masked_fill(~valid, -100)
    expected = F.cross_entropy(logits.flatten(0, 1), ignored.flatten(), reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected)


def test_smoothed_target_by_hand():
    logits = torch.tensor([[[2.0, 0.0]]])
    target, valid = torch.tensor([[0]]), torch.tensor([[True]])
    loss = SequenceCrossEntropy(label_smoothing=0.2)(logits, target, at(valid), through_nothing(2)).item()
    log_p = logits.log_softmax(-1)[0, 0]
    assert loss == pytest.approx(float(-(0.9 * log_p[0] + 0.1 * log_p[1])))


@pytest.mark.parametrize("filling", [0.0, 1e4, float("nan")])
def test_padding_changes_nothing(batch, filling):
    logits, targets, valid = batch
    more = padded(logits, filling), padded(targets, 0), padded(valid, False)
    layer, smoothed = through_nothing(), SequenceCrossEntropy(label_smoothing=0.1)
    longer = smoothed(*more[:2], at(more[2]), layer)
    torch.testing.assert_close(longer, smoothed(logits, targets, at(valid), layer))
    torch.testing.assert_close(sequence_log_probability(*more), sequence_log_probability(logits, targets, valid))
    leaf = more[0].requires_grad_()
    SequenceCrossEntropy()(leaf, more[1], at(more[2]), layer).backward()
    assert not leaf.grad[~more[2]].any()


def test_half_precision_scores_are_summed_in_single(batch):
    logits, targets, valid = batch
    layer = through_nothing().bfloat16()
    for size in (2**22, WORDS):
        loss = SequenceCrossEntropy(scores_at_once=size)(logits.bfloat16(), targets, at(valid), layer)
        assert loss.dtype == torch.float32


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_in_pieces_or_at_once_the_loss_and_its_gradients_are_the_same(batch, rows, smoothing, bias):
    _, targets, valid = batch
    layer = torch.nn.Linear(5, WORDS, bias=bias).double()
    hidden = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    results = []
    for size in (2**22, rows * WORDS):
        loss = SequenceCrossEntropy(label_smoothing=smoothing, scores_at_once=size)(hidden, targets, at(valid), layer)
        results.append([loss, *torch.autograd.grad(2.5 * loss, [hidden, *layer.parameters()])])
    for whole, pieces in zip(*results, strict=True):
        torch.testing.assert_close(pieces, whole)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_in_pieces_under_autocast(batch, kind):
    """What the output layer sees comes in half precision from a layer before it, in single from a recurrence."""
    _, targets, valid = batch
    layer = torch.nn.Linear(5, WORDS, dtype=torch.float32)
    hidden = torch.randn(3, 4, 5, dtype=torch.float32, requires_grad=True)
    results = []
    for size in (2**22, WORDS):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = SequenceCrossEntropy(scores_at_once=size)(hidden.to(kind), targets, at(valid), layer)
        results.append([loss, *torch.autograd.grad(loss, [hidden, *layer.parameters()])])
    for whole, pieces in zip(*results, strict=True):
        assert pieces.dtype == torch.float32
        torch.testing.assert_close(pieces, whole, atol=2e-2, rtol=2e-2)  # two digits: bfloat16 has no more


def test_in_pieces_a_second_derivative_is_refused(batch):
    _, targets, valid = batch
    layer, hidden = torch.nn.Linear(5, WORDS), torch.randn(3, 4, 5, requires_grad=True)
    loss = SequenceCrossEntropy(scores_at_once=1)(hidden, targets, at(valid), layer)
    with pytest.raises(UserError, match="scores_at_once"):
        torch.autograd.grad(loss, hidden, create_graph=True)


def test_a_batch_without_a_word_costs_nothing(batch):
    _, targets, valid = batch
    for size in (2**22, 1):
        loss = SequenceCrossEntropy(scores_at_once=size)(
            torch.randn(3, 4, 5), targets, at(torch.zeros_like(valid)), torch.nn.Linear(5, WORDS)
        )
        assert loss == 0


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
