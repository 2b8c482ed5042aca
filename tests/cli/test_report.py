"""A run's page holds its scores, curves and pictures, and needs nothing from outside."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from checkpoints import save_checkpoint
from pattern_runs import make_pattern_run, write_sentences


@pytest.fixture
def own_run(tiny_run, tmp_path, monkeypatch):
    shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("scenes"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "metrics.csv").write_text("step,train/loss,val/cider_d\n1,3.5,\n2,3.0,.5\n")
    return tmp_path / "run"


def test_without_an_evaluation_the_validation_split_is_scored(run, own_run):
    found = run("report", own_run)
    assert found.status == 0, found.err
    assert found.out == f"{own_run / 'report.html'}\n"
    page = (own_run / "report.html").read_text()
    record = json.loads((own_run / "evaluation_val.json").read_text())
    assert f"{record['scores']['cider_d']:.3f}" in page
    for heading in ("Scores on val", "How training went", "Best captions of val", "Worst captions of val"):
        assert heading in page
    assert "Where it looked" in page
    assert "LayerNormElmanCell" in page
    assert page.count('<article class="card"') == 6 + 6 + 3  # half of the 12 pictures at either end
    assert not re.findall(r"""(?:src|href)="(?!#)|url\((?!data:|#)|@import""", page)


def test_an_evaluation_that_is_there_is_shown(run, own_run):
    run("evaluate", "--checkpoint", own_run, "--bootstrap", 20)
    found = run("report", own_run, "--output", "page.html", "--examples", 2, "--limit", 6)
    assert found.status == 0, found.err
    page = Path("page.html").read_text()
    assert "Scores on test" in page
    assert "Worst captions of test" in page
    assert "of 6 of its 12 pictures" in page
    assert page.count('<article class="card"') == 2 + 2 + 3
    assert not (own_run / "report.html").exists()
    assert not (own_run / "evaluation_val.json").exists()


def test_scores_of_other_weights_are_not_shown_as_the_runs(run, own_run):
    shutil.copy(own_run / "best.ckpt", own_run / "last.ckpt")
    found = run("evaluate", "--checkpoint", own_run / "last.ckpt", "--bootstrap", 0, "--no-controls")
    assert "these of last.ckpt are not kept" in found.err
    assert not (own_run / "evaluation_test.json").exists()
    run("evaluate", "--checkpoint", own_run, "--bootstrap", 0, "--no-controls")
    weights = torch.load(own_run / "best.ckpt", weights_only=True)
    weights["state_dict"]["model.output.bias"][0] += 1
    save_checkpoint(weights, own_run / "best.ckpt")  # as a run that goes on does
    found = run("report", own_run, "--limit", 4)
    assert "evaluation_test.json: it was computed with a different checkpoint or by an older version" in found.err
    assert "Scores on val" in (own_run / "report.html").read_text()


def test_mistakes_are_said_in_a_sentence(run, own_run):
    assert "no such run's folder" in run("report", "nowhere").err
    assert "Did you mean combinations?" in run("report", own_run, "--split", "combination").err
    assert "--limit is 2 or more" in run("report", own_run, "--limit", 1).err
    (own_run / "best.ckpt").unlink()
    assert "no best.ckpt or last.ckpt" in run("report", own_run).err


def test_without_the_data_the_stored_evaluation_is_shown(run, tmp_path):
    folder, data = tmp_path / "run", tmp_path / "data"
    data.mkdir()
    table = write_sentences(data / "table.csv")
    make_pattern_run(folder, "pattern=classification", "data=sentences", f"data.path={table}")
    assert run("evaluate", "--checkpoint", folder, "--bootstrap", 0).status == 0
    shutil.rmtree(data)
    found = run("report", folder)
    assert found.status == 0, found.err
    assert "seqvision: no examples, for the data are not there: " in found.err
    page = (folder / "report.html").read_text()
    assert "The data are not on this machine, so that there are no examples." in page
    assert "Scores on test" in page
    assert page.endswith("</html>\n")
    (folder / "evaluation_test.json").unlink()
    found = run("report", folder)
    assert (found.status, "Traceback" in found.err) == (2, False), "without an evaluation there is nothing to show"
