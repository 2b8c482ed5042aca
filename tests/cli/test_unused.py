"""A choice without effect is refused, one that something refers to is not; nothing that only an experiment says is."""

import pytest

from seqvision.cli.config import check_overrides
from seqvision.cli.unused import unused_parts
from seqvision.errors import UserError


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            "pattern=reading loss=hinge",
            "loss=hinge: nothing of this run makes use of 'loss', neither its task (Glimpse",
        ),
        ("experiment=draw_digits decoding.beam_size=3 decoding=beam", "decoding.beam_size=3: nothing of this run"),
        ("pattern=classification attention=dot", "neither its task (Classification) nor its network (Sequence"),
        ("pattern=reading encoder=resnet", "encoder=resnet: nothing of this run makes use of 'encoder'"),
        ("model=whole pattern=reading rnn=lstm", "rnn=lstm: nothing of this run makes use of 'rnn'"),
    ],
)
def test_what_has_no_effect_is_refused(overrides, said):
    with pytest.raises(UserError) as refused:
        check_overrides(overrides.split(), config_name="train")
    assert said in str(refused.value)
    assert str(refused.value).endswith("Leave it out")


@pytest.mark.parametrize(
    "override", ["+made_up.key=1", "++made_up.key=1", "+made_up=1", "+made_up={a: 1}", "+a.b.c=null"]
)
def test_a_part_that_an_override_makes_up_is_refused(override):
    with pytest.raises(
        UserError, match=r"nothing of this run makes use of '(made_up|a)': the configuration has no part"
    ):
        check_overrides([override], config_name="train")


def test_a_part_that_a_value_refers_to_is_taken():
    config = check_overrides(["+mine.rate=0.01", "optimizer.lr=${mine.rate}"], config_name="train")
    assert config.optimizer.lr == 0.01


@pytest.mark.parametrize(
    "overrides",
    [
        "attention=additive rnn=lstm encoder.norm=batch decoding=beam",
        "pattern=classification loss=hinge pooling=attention",
        "pattern=reading loss=none attention=none",
        "experiment=ram_digits",
    ],
)
def test_what_something_refers_to_is_taken(overrides):
    assert check_overrides(overrides.split(), config_name="train").task is not None


def test_what_is_referred_to_by_what_is_used_is_used():
    config = check_overrides(["pattern=classification", "front=pictures", "encoder=small_cnn"], config_name="train")
    assert "encoder" not in unused_parts(config), "the task's network refers to the front, and that to the encoder"
    assert "attention" in unused_parts(config)
