"""A value of another kind than a part takes is refused before any work, with its key; what a part takes is not."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from omegaconf import OmegaConf

from seqvision.cli import main
from seqvision.cli.objects import instantiate
from seqvision.cli.values import check_single_values, settings_of
from seqvision.errors import UserError
from seqvision.signatures import fits

FITTING = [
    (1, int), (1, float), (1.5, int | float), ("a", str | None), (None, str | None), ("x", Path), (True, bool),
    ("mean", Literal["mean", "sum"]), (1, Literal[1, 2]), ([1, 2], Sequence[int]), ([1, "a"], tuple[int, str]),
    ([0.9, 0.99], tuple[float | torch.Tensor, float]), ([1, 2, 3], tuple[int, ...]), ({"a": 1}, Mapping[str, int]),
    ({"_target_": "a.B"}, torch.nn.Module), ("anything", Any), ([[1]], list[list[int]]),
    (torch.nn.ReLU(), torch.nn.Module), (torch.nn.ReLU, Callable[..., torch.nn.Module]),
]  # fmt: skip
OTHER = [
    ("two", int), (1.5, int), (True, int), (None, int), ("abc", float | torch.Tensor), (3, tuple[float, float]),
    (1, str), ("yes", bool), ("means", Literal["mean", "sum"]), (True, Literal[1, 2]), ([1, "a"], Sequence[int]),
    (None, torch.nn.Module), ([1], int), ("x", Sequence[int]), ({"a": "b"}, Mapping[str, int]), ({"a": 1}, int),
    (torch.nn.ReLU(), torch.nn.Linear), (3, Callable[..., int]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "hint"), FITTING, ids=str)
def test_what_a_signature_names_fits(value, hint):
    assert fits(value, hint)


@pytest.mark.parametrize(("value", "hint"), OTHER, ids=str)
def test_other_values_do_not_fit(value, hint):
    assert not fits(value, hint)


class Base:
    def __init__(self, *, width: int, kind: Literal["round", "square"] = "round"):
        self.width = width


class Part(Base):
    def __init__(self, depth: int = 1, **settings: Any):
        super().__init__(**settings)


def test_a_class_takes_what_it_hands_on():
    target = f"{__name__}.Part"
    hints, others = settings_of(target)
    assert list(hints) == ["width", "kind", "depth"]
    assert not others
    assert settings_of("no.such.thing") == ({}, True)
    root = OmegaConf.create({"shared": 3, "part": {"_target_": target, "width": "${shared}", "depth": 2}})
    assert instantiate(root.part).width == 3
    root.part.kind = "rond"
    with pytest.raises(UserError, match=r"^part\.kind is rond; expected one of round, square\. Did you mean round\?$"):
        instantiate(root.part)
    root.part.kind, root.shared = "round", None
    with pytest.raises(UserError, match=r"^part\.width is null; expected a whole number$"):
        instantiate(root.part)
    del root.part.depth
    root.part.deep, root.shared = 1, 3
    with pytest.raises(UserError, match=r"part: Part has no setting deep\. Did you mean depth"):
        instantiate(root.part)


@pytest.mark.few(5)
@pytest.mark.parametrize(
    ("experiment", "override", "said"),
    [
        ("ram_digits", "model.looks=two", "model.looks is two; expected a whole number"),
        ("ram_digits", "model.looks=0", "model.looks is 0; expected 1 or more"),
        ("ram_digits", "model.scales=0", "model.scales is 0; expected 1 or more"),
        ("ram_digits", "model.spread=0", "model.spread is 0; expected more than 0"),
        ("ram_digits", "rnn.hidden_size=0", "rnn.hidden_size is 0; expected 1 or more"),
        ("ram_digits", "task.samples=0", "task.samples is 0; expected 1 or more"),
        ("ram_digits", "optimizer.lr=abc", "optimizer.lr is abc; expected a number"),
        ("ram_digits", "optimizer.lr=-1", "optimizer.lr is -1: AdamW does not take it"),
        ("ram_digits", "+optimizer.eps=-1", "optimizer.eps is -1: AdamW does not take it"),
        ("ram_digits", "+task.foo=1", "task: GlimpseReading has no setting foo"),
        ("ram_digits", "optimizer.betas=3", "optimizer.betas is 3; expected a list"),
        ("ram_digits", "trainer.max_epochs=many", "trainer.max_epochs is many; expected a whole number or null"),
        ("ram_digits", "data.num_workers=some", "data.num_workers is some; expected auto or a whole number from 0 to "),
        ("ram_digits", "data.num_workers=99999999", "data.num_workers is 99999999; expected auto or a whole number"),
        ("ram_digits", "data.num_workers=-1", "data.num_workers is -1; expected auto or a whole number"),
        ("ram_digits", "+model.foo=1", "model: RAM has no setting foo"),
        ("draw_digits", "model.steps=0", "model.steps is 0; expected 1 or more"),
        ("draw_digits", "model.read.size=0", "model.read.size is 0; expected 1 or more"),
        ("draw_digits", "model.pixels=null", "model.pixels is null; expected a part, with a _target_ of its own"),
        ("draw_digits", "task.binarise=thresh", "one of sampled, threshold, none. Did you mean threshold?"),
    ],
)
def test_a_value_that_cannot_be_is_named_before_training(tmp_path, monkeypatch, capsys, experiment, override, said):
    monkeypatch.chdir(tmp_path)
    assert main(["train", f"experiment={experiment}", "trainer=cpu", override]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert "epoch 1" not in printed.out


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", "a", "a whole number"),
        ("seed", 1.5, "a whole number"),
        ("seed", -1, "from 0 to"),
        ("seed", 2**63, "from 0 to"),
        ("cache", 5, "a text or null"),
        ("start_from", ["a"], "a text or null"),
        ("start_anew", "output", "a list"),
        ("start_anew", [1], "a list"),
    ],
)
def test_values_that_belong_to_no_part_are_checked_too(key, value, expected):
    fitting = {"seed": 0, "run_dir": "run", "start_from": None, "start_anew": ["output"], "cache": "cache"}
    check_single_values(fitting)
    with pytest.raises(UserError, match=f"^{key} is .*; expected .*{expected}"):
        check_single_values({**fitting, key: value})
