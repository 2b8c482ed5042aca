"""The hinge losses against torch's, and what they leave alone."""

import pytest
import torch
import torch.nn.functional as F

from seqvision.errors import UserError
from seqvision.losses import FrameHinge, SequenceClassHinge, truncated_smoothing

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("margin", [1.0, 0.3])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0, 3.0]])
def test_it_is_torchs_margin_loss_without_its_division_by_the_classes(margin, weights):
    torch.manual_seed(0)
    scores, classes = torch.randn(9, 4), torch.tensor([0, 3, -1, 1, 2, 2, -1, 0, 3])
    total, count = SequenceClassHinge(margin=margin, class_weights=weights)(scores, classes)
    known = classes >= 0
    weight = None if weights is None else torch.tensor(weights)
    # torch multiplies the margin's excess by the weight of the right class as well
    expected = 4 * F.multi_margin_loss(scores[known], classes[known], margin=margin, weight=weight, reduction="sum")
    assert count == 7
    assert float(total) == pytest.approx(float(expected), rel=1e-5)


def test_what_leads_by_the_margin_costs_nothing_and_pulls_nothing():
    scores = torch.tensor([[3.0, 1.5, -2.0]], requires_grad=True)
    total, _ = SequenceClassHinge()(scores, torch.tensor([0]))
    total.backward()
    assert total == 0
    assert scores.grad.abs().sum() == 0


def test_labelled_frames_count_and_all_valid_ones_are_smoothed():
    torch.manual_seed(0)
    scores = torch.randn(2, 5, 3)
    labels = torch.tensor([[0, -1, 2, 1, 1], [2, 2, 0, -1, -1]])
    lengths = torch.tensor([5, 3])
    total, count = FrameHinge(smoothing=0.0)(scores, labels, lengths)
    known = labels >= 0
    expected, number = SequenceClassHinge()(scores[known], labels[known])
    assert count == number == 7
    assert float(total) == pytest.approx(float(expected))
    smoothed, _ = FrameHinge(smoothing=0.5)(scores, labels, lengths)
    valid = torch.arange(5) < lengths[:, None]
    roughness = truncated_smoothing(scores.log_softmax(dim=-1), valid)
    assert float(smoothed - total) == pytest.approx(0.5 * float((roughness * torch.tensor([4, 3])).sum()), rel=1e-5)
    changed = scores.clone()
    changed[1, 3:] = 99.0  # past its end
    assert torch.allclose(FrameHinge()(changed, labels, lengths)[0], FrameHinge()(scores, labels, lengths)[0])


def test_several_labels_a_frame_are_refused():
    with pytest.raises(UserError, match="loss=frame_hinge is for one label a frame"):
        FrameHinge()(torch.randn(1, 2, 3), torch.zeros(1, 2, 3, dtype=torch.long), torch.tensor([2]))


def test_weights_are_one_a_class():
    with pytest.raises(UserError, match="class_weights has 2 numbers for 3 classes"):
        SequenceClassHinge(class_weights=[1.0, 2.0])(torch.randn(1, 3), torch.tensor([0]))
