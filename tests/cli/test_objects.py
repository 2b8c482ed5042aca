"""A group of named parts: each is what the trainer takes, or refused by its key."""

import pytest
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import Callback, Timer

from seqvision.cli.objects import instantiate_each
from seqvision.errors import UserError

TIMER = {"_target_": "pytorch_lightning.callbacks.Timer"}


def test_parts_come_in_their_order_without_those_that_are_null():
    config = OmegaConf.create({"callbacks": {"timer": TIMER, "rate": None}, "logger": None})
    (timer,) = instantiate_each(config.callbacks, Callback)
    assert isinstance(timer, Timer)
    assert instantiate_each(config.logger, Callback) == []


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"key": 1}, r"callbacks\.made_up: has no _target_.*Expected one of timer,"),
        (1, r"callbacks\.made_up: has no _target_"),
        ({"_target_": "torch.nn.ReLU"}, r"callbacks\.made_up: torch\.nn\.ReLU is not a callback"),
    ],
)
def test_what_is_no_such_part_is_refused_by_its_key(part, said):
    config = OmegaConf.create({"callbacks": {"timer": TIMER, "made_up": part}})
    with pytest.raises(UserError, match=said):
        instantiate_each(config.callbacks, Callback)
