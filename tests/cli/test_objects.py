"""A group of named parts: each is what the trainer takes, or refused by its key."""

import pytest
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import Callback, Timer

from seqvision.cli.objects import check_not_replaced, instantiate, instantiate_each
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


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            {"callbacks": [1]},
            r"trainer\.callbacks is '\[1\]', which has no effect: .*choose it with callbacks=…",
        ),
        ({"logger": "x"}, r"trainer\.logger is 'x', which has no effect: .* training\. Remove trainer\.logger"),
    ],
)
def test_a_setting_that_the_code_replaces_is_refused(setting, said):
    config = OmegaConf.create({"trainer": {"_target_": "pytorch_lightning.Trainer", **setting}, "callbacks": {}})
    with pytest.raises(UserError, match=said):
        instantiate(config.trainer, callbacks=[], logger=False)


def test_other_settings_are_not_replaced():
    check_not_replaced(OmegaConf.create({"task": {"seed": 0}}).task, ["contents", "classes"])


@pytest.mark.parametrize(("setting", "value", "advised"), [("max_epochs", -5, False), ("devices", 99, True)])
def test_the_devices_are_looked_up_only_where_they_are_the_matter(setting, value, advised):
    trainer = {"_target_": "pytorch_lightning.Trainer", "accelerator": "cuda", setting: value}
    if setting == "max_epochs":
        trainer["accelerator"] = "cpu"
    with pytest.raises(UserError, match=r"^trainer: ") as refused:
        instantiate(OmegaConf.create({"trainer": trainer}).trainer, logger=False)
    assert ("seqvision doctor" in str(refused.value)) == advised
