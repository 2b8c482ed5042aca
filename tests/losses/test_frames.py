"""Losses of frames and of whole sequences: the paper's formula, hand-computed numbers, padding, divided batches."""

import math

import pytest
import torch
import torch.nn.functional as F

from seqvision.errors import UserError
from seqvision.losses import (
    FrameBinaryCrossEntropy,
    FrameCrossEntropy,
    FrameLoss,
    SequenceClassCrossEntropy,
    SequenceCrossEntropy,
    balanced_weights,
    truncated_smoothing,
)

pytestmark = pytest.mark.usefixtures("float64")

CLASSES = 5
LENGTHS = torch.tensor([6, 1, 4])


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return 3 * torch.randn(3, 6, CLASSES, dtype=torch.float64)


@pytest.fixture
def labels():
    """Three sequences of 6, 1 and 4 frames; the second frame and the whole of the last sequence but one have none."""
    labels = torch.randint(CLASSES, (3, 6), generator=torch.Generator().manual_seed(1))
    labels[0, 1] = labels[2, :3] = -1
    return labels.masked_fill(torch.arange(6) >= LENGTHS.unsqueeze(1), -1)


@pytest.fixture
def many(labels):
    """The same lengths, several labels a frame."""
    many = torch.randint(-1, 2, (3, 6, CLASSES), generator=torch.Generator().manual_seed(2))
    return many.masked_fill((torch.arange(6) >= LENGTHS.unsqueeze(1)).unsqueeze(-1), -1)


def test_one_sequence_labelled_throughout_has_the_loss_of_the_paper(logits):
    scores, labels = logits[:1], torch.tensor([[0, 0, 1, 1, 4, 2]])
    total, count = FrameCrossEntropy()(scores, labels, torch.tensor([6]))
    # as the paper's code writes it: the mean of the clamped squares over classes and steps
    log_p = scores[0].log_softmax(-1)
    steps = F.mse_loss(log_p[1:], log_p[:-1], reduction="none").clamp(0, 16)
    assert (steps == 16).any()
    assert (steps < 16).any()
    torch.testing.assert_close(total / count, F.cross_entropy(scores[0], labels[0]) + 0.15 * steps.mean())


def test_smoothing_by_hand():
    log_p = torch.tensor([[[-1.0, -3.0], [-2.0, -9.0], [-2.5, -8.0], [0.0, 0.0]]])
    valid = torch.tensor([[True, True, True, False]])
    # steps (1, 6) and (.5, 1); 6 is truncated to 4
    expected = ((1 + 16) / 2 + (0.25 + 1) / 2) / 2
    assert truncated_smoothing(log_p, valid).item() == pytest.approx(expected)
    assert truncated_smoothing(log_p[:, :1], valid[:, :1]).item() == 0


def test_only_the_later_frame_is_drawn_and_none_beyond_the_truncation():
    log_p = torch.tensor([[[-1.0], [-2.0], [-7.0]]], requires_grad=True)
    truncated_smoothing(log_p, torch.ones(1, 3, dtype=torch.bool)).sum().backward()
    assert log_p.grad.flatten().tolist() == [0, -1, 0]  # 2 · (−1) over two steps; the step of 5 is beyond 4


def test_frames_without_a_label_are_smoothed_but_not_scored(logits, labels):
    plain, count = FrameCrossEntropy(smoothing=0.0)(logits, labels, LENGTHS)
    assert count == (labels >= 0).sum()
    expected = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="sum")
    torch.testing.assert_close(plain, expected)
    leaf = logits.clone().requires_grad_()
    FrameCrossEntropy()(leaf, labels, LENGTHS)[0].backward()
    assert leaf.grad[0, 1].any()
    assert leaf.grad[2, 1].any()


def test_the_less_is_labelled_the_smoothing_keeps_its_share(logits):
    constant = torch.zeros(1, 6, dtype=torch.long)
    scores = torch.cat([logits[:1], logits[:1]])
    share = []
    for labels in (constant, constant.masked_fill(torch.arange(6) > 0, -1)):
        smooth, count = FrameCrossEntropy()(scores[:1], labels, torch.tensor([6]))
        plain, _ = FrameCrossEntropy(smoothing=0.0)(scores[:1], labels, torch.tensor([6]))
        share.append((smooth - plain) / count)
    torch.testing.assert_close(*share)


def losses():
    weights = [1.0, 2.0, 0.5, 1.0, 3.0]
    return [
        FrameCrossEntropy(),
        FrameCrossEntropy(class_weights=weights, label_smoothing=0.1, smoothing=0.3),
        FrameBinaryCrossEntropy(),
        FrameBinaryCrossEntropy(positive_weights=weights, label_smoothing=0.1),
    ]


@pytest.mark.parametrize("loss", losses())
def test_a_batch_may_be_divided_in_any_way(loss, logits, labels, many):
    target = many if isinstance(loss, FrameBinaryCrossEntropy) else labels
    loss = loss.double()
    whole, count = loss(logits, target, LENGTHS)
    for parts in ([[0], [1], [2]], [[2, 0], [1]], [[1, 2], [0]]):
        shares = [loss(logits[part], target[part], LENGTHS[part]) for part in parts]
        torch.testing.assert_close(sum(s for s, _ in shares) / sum(n for _, n in shares), whole / count)


@pytest.mark.parametrize("filling", [0.0, 1e4, float("nan")])
@pytest.mark.parametrize("loss", losses())
def test_padding_changes_nothing(loss, filling, logits, labels, many):
    target = many if isinstance(loss, FrameBinaryCrossEntropy) else labels
    loss = loss.double()
    expected = loss(logits, target, LENGTHS)
    past = torch.arange(9) >= LENGTHS.unsqueeze(1)
    more = F.pad(logits, (0, 0, 0, 3)).masked_fill(past.unsqueeze(-1), filling).requires_grad_()
    longer = torch.ones(3, 9, *target.shape[2:], dtype=torch.long)  # not even what is written there
    longer[~past] = target[~past[:, :6]]
    total, count = loss(more, longer, LENGTHS)
    torch.testing.assert_close((total, count), expected)
    total.backward()
    assert not more.grad[past].any()
    assert more.grad.isfinite().all()


def test_binary_by_hand():
    logits, labels = torch.tensor([[[0.0, 2.0], [1.0, 0.0]]]), torch.tensor([[[1, 0], [-1, 1]]])
    loss = FrameBinaryCrossEntropy(positive_weights=[3.0, 1.0], smoothing=0.0)
    total, count = loss(logits, labels, torch.tensor([2]))
    assert count == 3
    assert total.item() == pytest.approx(3 * math.log(2) + math.log1p(math.exp(2)) + math.log(2))
    steps = [a - b for a, b in zip(log_sigmoids(1, 0), log_sigmoids(0, 2), strict=True)]
    smooth, _ = FrameBinaryCrossEntropy(positive_weights=[3.0, 1.0])(logits, labels, torch.tensor([2]))
    assert (smooth - total).item() == pytest.approx(0.15 * 3 * sum(step**2 for step in steps) / 4, rel=1e-5)


def log_sigmoids(*scores):
    """log p and log (1 − p) of each."""
    return [-math.log1p(math.exp(sign * score)) for score in scores for sign in (-1, 1)]


def test_a_label_and_its_opposite_are_smoothed_alike(logits, many):
    loss = FrameBinaryCrossEntropy()
    opposite = torch.where(many < 0, many, 1 - many)
    torch.testing.assert_close(loss(-logits, opposite, LENGTHS), loss(logits, many, LENGTHS))


def test_classes_of_sequences(logits):
    classes, weights = torch.tensor([2, -1, 0]), torch.tensor([1.0, 1.0, 4.0, 1.0, 1.0])
    scores = logits[:, 0]
    total, count = SequenceClassCrossEntropy(class_weights=weights, label_smoothing=0.1).double()(scores, classes)
    expected = F.cross_entropy(scores, classes, weights.double(), ignore_index=-1, reduction="sum", label_smoothing=0.1)
    assert count == 2
    torch.testing.assert_close(total, expected)


def test_a_batch_without_a_label_costs_nothing_and_has_a_gradient(logits):
    leaf, nothing = logits.clone().requires_grad_(), torch.full((3, 6), -1)
    for total, count in (
        FrameCrossEntropy()(leaf, nothing, LENGTHS),
        FrameBinaryCrossEntropy()(leaf, nothing.unsqueeze(-1).expand(3, 6, CLASSES), LENGTHS),
        SequenceClassCrossEntropy()(leaf[:, 0], nothing[:, 0]),
    ):
        assert (total.item(), count.item()) == (0, 0)
        total.backward()
    assert not leaf.grad.any()


def test_half_precision_scores_are_summed_in_single(logits, labels, many):
    scores = logits.bfloat16()
    assert FrameCrossEntropy()(scores, labels, LENGTHS)[0].dtype == torch.float32
    assert FrameBinaryCrossEntropy()(scores, many, LENGTHS)[0].dtype == torch.float32
    assert SequenceClassCrossEntropy()(scores[:, 0], labels[:, 0])[0].dtype == torch.float32


def test_balanced_weights_make_classes_equal_and_keep_the_scale():
    counts = torch.tensor([90, 9, 0, 1])
    weights = balanced_weights(counts)
    assert (weights * counts).tolist() == pytest.approx([100 / 3, 100 / 3, 0, 100 / 3])
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)
    assert weights[2] == 1


def test_weights_that_cannot_be_are_refused(logits, labels, many):
    with pytest.raises(UserError, match="3 numbers for 5 classes"):
        FrameCrossEntropy(class_weights=[1.0, 2.0, 3.0])(logits, labels, LENGTHS)
    with pytest.raises(UserError, match="2 numbers for 5 labels"):
        FrameBinaryCrossEntropy(positive_weights=[1.0, 2.0])(logits, many, LENGTHS)
    with pytest.raises(UserError, match="none below 0"):
        SequenceClassCrossEntropy(class_weights=[1.0, -2.0])
    with pytest.raises(UserError, match="at least one"):
        balanced_weights([0, 0])


def test_one_loss_holds_for_one_label_and_for_several(logits, labels, many):
    logits = logits.float()
    settings = {"label_smoothing": 0.1, "smoothing": 1, "truncation": 2}  # whole numbers, as a command line gives them
    weights = [0.5, 1, 2, 1, 3]
    loss = FrameLoss(class_weights=weights, **settings)
    torch.testing.assert_close(
        loss(logits, labels, LENGTHS), FrameCrossEntropy(class_weights=weights, **settings)(logits, labels, LENGTHS)
    )
    several = FrameBinaryCrossEntropy(positive_weights=weights, **settings)
    torch.testing.assert_close(loss(logits, many, LENGTHS), several(logits, many, LENGTHS))


def test_balanced_weights_come_from_counts(logits, labels, many):
    logits = logits.float()
    loss = FrameLoss(class_weights="balanced", smoothing=0)
    with pytest.raises(AssertionError, match="balance"):
        loss(logits, labels, LENGTHS)
    counts = torch.tensor([10, 20, 30, 0, 40])
    loss.balance(counts)
    expected = FrameCrossEntropy(class_weights=balanced_weights(counts), smoothing=0)
    torch.testing.assert_close(loss(logits, labels, LENGTHS), expected(logits, labels, LENGTHS))

    loss = FrameLoss(class_weights="balanced", smoothing=0)
    loss.balance(torch.tensor([[90, 50, 0, 100, 75], [10, 50, 100, 0, 25]]))
    expected = FrameBinaryCrossEntropy(positive_weights=[9, 1, 0, 1, 3], smoothing=0)
    torch.testing.assert_close(loss(logits, many, LENGTHS), expected(logits, many, LENGTHS))


def test_counts_change_no_weights_that_were_given(logits, labels):
    logits = logits.float()
    loss, untouched = (SequenceClassCrossEntropy(class_weights=[1, 2, 3, 4, 5]) for _ in range(2))
    loss.balance(torch.tensor([1, 1, 1, 1, 96]))
    torch.testing.assert_close(loss(logits[:, 0], labels[:, 0]), untouched(logits[:, 0], labels[:, 0]))
    with pytest.raises(UserError, match=r"loss\.class_weights is 'even'; expected balanced"):
        SequenceClassCrossEntropy(class_weights="even")


@pytest.mark.parametrize("make", [FrameLoss, FrameCrossEntropy, SequenceClassCrossEntropy])
def test_weights_by_the_names_of_classes(make):
    loss = make(class_weights={"walk": 2, 3: 0.5})
    loss.set_classes(["3", "rest", "walk"])
    for weighted in (loss.one, loss.several) if make is FrameLoss else (loss,):
        assert weighted.weight.tolist() == [0.5, 1, 2]
    with pytest.raises(UserError, match=r"loss\.class_weights: no class 'walk' \(found: run, 3\)"):
        make(class_weights={"walk": 2}).set_classes(["run", "3"])
    with pytest.raises(UserError, match=r"loss\.class_weights has 2 numbers for 3 classes"):
        make(class_weights=[1, 2]).set_classes(["run", "rest", "walk"])


@pytest.mark.parametrize("share", [-3, 1.5, float("nan")])
@pytest.mark.parametrize("make", [FrameLoss, FrameBinaryCrossEntropy, SequenceClassCrossEntropy, SequenceCrossEntropy])
def test_a_smoothing_of_labels_that_is_no_share_is_refused(make, share):
    with pytest.raises(UserError, match=r"label_smoothing is .*; expected a share from 0 to 1"):
        make(label_smoothing=share)
