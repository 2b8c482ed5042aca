"""What a run's or a sweep's folder says, whoever wrote it, ends in a page or in a sentence that names the file."""

import io
import json
import math
import os
import random
from pathlib import Path

import pytest
from damaged_json import damaged
from run_pages import EVALUATION, RECORD, sweep_of, write_run_page, write_sweep_page

from seqvision.errors import UserError
from seqvision.figures import add_figure
from seqvision.figures.page import Page
from seqvision.sweeps import read_sweep


def expect_page_or_sentence(page, folder: Path, name: str, case: str) -> None:
    """Nothing, if either comes out."""
    said = None
    try:
        assert page(folder).endswith("</html>\n"), case
    except UserError as error:
        said = str(error)
    assert said is None or (said.startswith(f"{folder / name}") and len(said) < 700), (case, said)


@pytest.mark.parametrize(
    ("name", "whole", "page", "number"),
    [
        ("run.json", RECORD, write_run_page, 40),
        ("evaluation_test.json", EVALUATION, write_run_page, 60),
        ("sweep.json", sweep_of(Path("/s")), write_sweep_page, 20),
    ],
    ids=["run", "evaluation", "sweep"],
)
def test_a_damaged_value_ends_in_a_page_or_a_sentence(tmp_path, name, whole, page, number):
    """A sample of all values and all damage; `PYTEST_SEED` draws another."""
    cases = list(damaged(whole))
    for case, data in random.Random(int(os.environ.get("PYTEST_SEED", "0"))).sample(cases, number):
        (tmp_path / name).write_text(json.dumps(data), encoding="utf-8")
        expect_page_or_sentence(page, tmp_path, name, case)


def test_undamaged_ones_are_shown_whole(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(RECORD))
    (tmp_path / "evaluation_test.json").write_text(json.dumps(EVALUATION))
    (tmp_path / "sweep.json").write_text(json.dumps(sweep_of(tmp_path)))
    page = write_run_page(tmp_path)
    assert "Scores on test" in page
    assert "2 epochs in 1 min 30 s" in page
    assert "+20.0 (+1.0 to +2.0)" in page
    page = write_sweep_page(tmp_path)
    assert "left out" not in page
    assert page.count("<svg") == 1 + 1 + 2


@pytest.mark.parametrize(
    ("name", "whole", "change", "said"),
    [
        ("run.json", RECORD, {"seconds": {"training": "1"}}, "seconds is .*; expected an object with training"),
        ("run.json", RECORD, {"epochs": -1}, "epochs is '-1'; expected a whole number of 0 or more"),
        ("evaluation_test.json", EVALUATION, {"scores": {"accuracy": "70"}}, "scores is .*expected by name a number"),
        ("evaluation_test.json", EVALUATION, {"notes": "n"}, "notes is 'n'; expected a list, each a text"),
        ("evaluation_test.json", EVALUATION, {"scores": {"_target_": "x"}}, "scores is "),
    ],
)
def test_the_key_is_named(tmp_path, name, whole, change, said):
    (tmp_path / name).write_text(json.dumps({**whole, **change}))
    with pytest.raises(UserError, match=rf"{name}: {said}.*Delete the file; it can be made again"):
        write_run_page(tmp_path)


def test_trials_are_below_the_sweep_and_within_its_space(tmp_path):
    whole = sweep_of(tmp_path)
    for change, said in (
        ({"folder": "../other"}, "folder is '../other'; expected a folder below this one"),
        ({"folder": "/etc"}, "folder is '/etc'; expected a folder below this one"),
        ({"values": {"lr": 0.1}}, "values are .*expected one for each key of space"),
        ({"values": {"lr": 0.1, "rnn": "elman"}}, "values are .*expected one for each key of space"),
    ):
        (tmp_path / "sweep.json").write_text(json.dumps({**whole, "trials": [{**whole["trials"][0], **change}]}))
        with pytest.raises(UserError, match=rf"sweep\.json: trials\[0\]: {said}"):
            read_sweep(tmp_path)


def test_a_picture_or_a_curve_that_cannot_be_drawn_is_left_out_in_words(tmp_path):
    (tmp_path / "sweep.json").write_text(json.dumps(sweep_of(tmp_path)))
    (tmp_path / "figure.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    assert "The figure is left out: " in write_sweep_page(tmp_path)
    page = io.StringIO()
    with Page(page, "x") as made:
        add_figure(made, lambda: math.nan / 0)
    assert "The figure is left out, for it could not be drawn (ZeroDivisionError" in page.getvalue()


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "x", "", '"'])
def test_odd_numbers_among_the_curves(tmp_path, cell):
    (tmp_path / "metrics.csv").write_text(
        f"step,train/loss,val/loss\n1,3.5,\n2,{cell},1\n{cell},3.0,{cell}\n3,1,{cell}\n"
    )
    page = write_run_page(tmp_path)
    assert page.endswith("</html>\n")
