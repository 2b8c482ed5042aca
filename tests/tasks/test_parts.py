"""A part of another pattern is refused by name, a user's own is not."""

import pytest
from torch import nn

from seqvision.decoding import GreedySearch, TunedLabelPath
from seqvision.decoding.search import Search
from seqvision.errors import UserError
from seqvision.losses import FrameLoss, SequenceClassCrossEntropy, SequenceClassHinge
from seqvision.tasks.parts import fitting


def test_what_a_pattern_can_use_comes_back():
    for part in (SequenceClassCrossEntropy(), SequenceClassHinge(), nn.Identity()):
        assert fitting(part, (SequenceClassCrossEntropy,), group="loss", choices="classes") is part
    search = GreedySearch()
    assert fitting(search, (Search,), group="decoding", choices="greedy") is search


@pytest.mark.parametrize(("part", "name"), [(None, "none"), (FrameLoss(), "FrameLoss"), (TunedLabelPath(), "TunedLab")])
def test_what_it_cannot_use_is_named_with_what_it_can(part, name):
    with pytest.raises(UserError, match=rf"loss: {name}.*write loss=classes"):
        fitting(part, (SequenceClassCrossEntropy,), group="loss", choices="classes")
