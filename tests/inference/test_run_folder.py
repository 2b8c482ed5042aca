"""Curves go on over a resumed run, and what was done twice is shown once."""

import json
import math

import pytest
from run_pages import EVALUATION

from seqvision.cli.resume import set_aside_metrics
from seqvision.errors import UserError
from seqvision.inference.run_folder import curve_panels, read_curves, read_evaluations, read_record
from seqvision.metrics import PairedDifference


def test_curves_are_joined_over_a_resume(tmp_path):
    (tmp_path / "metrics-before-00000020.csv").write_text(
        "epoch,step,train/loss,val/loss\n0,9,3.0,\n0,9,,3.5\n1,19,2.0,\n1,29,9.9,9.9\n"
    )
    (tmp_path / "metrics.csv").write_text("epoch,step,train/loss,lr-AdamW/pg1,lr-AdamW/pg2\n1,29,1.0,.1,.1\n,39,.5,,\n")
    curves = read_curves(tmp_path)
    assert curves["train/loss"] == [(9, 3.0), (19, 2.0), (29, 1.0), (39, 0.5)]
    assert curves["val/loss"] == [(9, 3.5)]
    panels = curve_panels(curves)
    assert list(panels) == ["loss", "learning rate"]
    assert list(panels["loss"]) == ["train", "val"]
    assert len(panels["learning rate"]) == 1


def test_a_validation_between_two_resumes_at_the_same_step_is_kept(tmp_path):
    """Broken off in the validation at step 4, and again when it was made, before the next step."""
    for text in ("step,train/loss,val/loss\n3,3.0,\n", "step,val/loss\n3,2.5\n", "step,train/loss\n4,9.9\n"):
        (tmp_path / "metrics.csv").write_text(text)
        set_aside_metrics(tmp_path, 4)
    (tmp_path / "metrics.csv").write_text("step,train/loss\n4,1.0\n")
    assert read_curves(tmp_path) == {"train/loss": [(3, 3.0), (4, 1.0)], "val/loss": [(3, 2.5)]}


def test_a_folder_without_curves_or_records(tmp_path):
    assert read_curves(tmp_path) == {}
    assert curve_panels({}) == {}
    assert read_record(tmp_path) == {}
    assert read_evaluations(tmp_path, "abc") == ([], [])


def test_test_comes_first_and_damaged_records_are_named(tmp_path):
    for split in ("combinations", "test", "val"):
        (tmp_path / f"evaluation_{split}.json").write_text(
            json.dumps({**EVALUATION, "split": split, "digests": ["abc"]})
        )
    (tmp_path / "evaluation_old.json").write_text(json.dumps({"schema": 1, "split": "old", "digests": ["abd"]}))
    (tmp_path / "evaluation_older.json").write_text(json.dumps({"split": "older", "digests": ["abc"]}))
    own, others = read_evaluations(tmp_path, "abc")
    assert [record["split"] for record in own] == ["test", "combinations", "val"]
    assert [path.name for path in others] == ["evaluation_old.json", "evaluation_older.json"]
    (tmp_path / "evaluation_val.json").write_text('{"split"')
    with pytest.raises(UserError, match=r"evaluation_val\.json row 1: not valid JSON .* Delete the file"):
        read_evaluations(tmp_path, "abc")


def test_a_difference_without_an_interval_is_read_as_it_was_written(tmp_path):
    """Of one group there is none: the evaluation says null."""
    one_group = PairedDifference(2.7, math.nan, math.nan, 0.95, items=50, groups=1)
    differences = {"window": {"accuracy": one_group.to_dict()}}
    assert differences["window"]["accuracy"]["interval"] is None
    record = {**EVALUATION, "digests": ["abc"], "differences": differences}
    (tmp_path / "evaluation_test.json").write_text(json.dumps(record))
    ((found,), _) = read_evaluations(tmp_path, "abc")
    assert found["differences"] == differences
