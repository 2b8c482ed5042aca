"""A sweep as plain data, and what is asked of it."""

import json
import math
from pathlib import Path

import pytest

from seqvision.errors import UserError
from seqvision.sweeps import Sweep, Trial, read_sweep


def trial(folder, name, seed, score, **more):
    scores = {} if score is None else {"val/accuracy": score, "train/loss": 1 / score}
    return Trial(name, (f"rnn={name}",), seed, folder / f"{name}-seed{seed}", score=score, scores=scores, **more)


@pytest.fixture
def sweep(tmp_path):
    trials = [
        trial(tmp_path, "elman", 0, 50.0, state="finished"),
        trial(tmp_path, "elman", 1, 60.0, state="finished"),
        trial(tmp_path, "lstm", 0, 70.0, state="finished", steps_per_epoch=4.0),
        trial(tmp_path, "lstm", 1, None, state="diverged"),
        trial(tmp_path, "gru", 0, 52.0, state="finished"),
        trial(tmp_path, "gru", 1, 54.0, state="finished"),
    ]
    lists = {"shown": ["train/loss"], "log": ["y"], "notes": []}
    return Sweep("n", "variants", "seqvision train", ["rnn=elman"], "val/accuracy", "max", trials, **lists)


def test_it_comes_back_from_its_file_wherever_that_lies(sweep, tmp_path):
    (tmp_path / "sweep.json").write_text(json.dumps(sweep.to_dict(tmp_path)))
    assert read_sweep(tmp_path) == sweep
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert read_sweep(moved).trials[0].folder == moved / "elman-seed0"


def test_a_variant_is_worth_the_mean_of_its_seeds_and_nothing_if_one_diverged(sweep):
    assert sweep.ranked() == [("elman", 55.0), ("gru", 53.0)]
    assert sweep.means("val/accuracy") == {"elman": 55.0, "lstm": -math.inf, "gru": 53.0}
    assert sweep.means("train/loss")["lstm"] == math.inf
    assert sweep.to_dict(sweep.trials[0].folder.parent)["best"]["name"] == "elman"


def test_a_curve_over_epochs_and_over_seconds():
    curves = {"loss": [(1.0, 5.0), (7.0, 3.0)], "seconds": [(3.0, 2.0), (7.0, 6.0)]}
    made = Trial("a", (), 0, folder=Path("a"), steps_per_epoch=4.0, curves=curves)
    assert made.curve("loss") == [(2, 5.0), (8, 3.0)]
    assert made.curve("loss", x="epoch") == [(0.5, 5.0), (2.0, 3.0)]
    assert made.curve("loss", x="seconds") == [(1.0, 5.0), (6.0, 3.0)]
    assert made.curve("other") == []


def test_what_is_no_sweep_is_said(tmp_path):
    with pytest.raises(UserError, match=r"no sweep.json there"):
        read_sweep(tmp_path)
    (tmp_path / "sweep.json").write_text('{"format": 9}')
    with pytest.raises(UserError, match="format 9"):
        read_sweep(tmp_path)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        read_sweep(tmp_path)
