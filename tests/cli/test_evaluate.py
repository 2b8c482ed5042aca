"""Scores come with controls and a record, from the checkpoint's own data or others, for models and for files."""

import csv
import io
import json
import re
import shutil

import pytest
import torch
from checkpoints import save_checkpoint

from seqvision.cli.score_texts import size_of
from seqvision.data.scenes import write_sample


@pytest.fixture
def own_run(tiny_run, tmp_path, monkeypatch):
    """A copy of the tiny run to write into; the current folder is empty."""
    shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("scenes"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "run"


def test_a_split_is_scored_beside_its_controls_and_recorded(run, own_run):
    arguments = ["--checkpoint", own_run, "--split", "test,combinations", "--bootstrap", 50]
    found = run("evaluate", *arguments)
    assert found.status == 0, found.err
    assert re.search(r"best\.ckpt on test: 12 pictures", found.out)
    assert re.search(r"\n +model +95 % interval +most frequent +nearest +shuffled +references\n", found.out)
    record = json.loads((own_run / "evaluation_combinations.json").read_text())
    assert record["command"].startswith(f"seqvision evaluate --checkpoint {own_run} --split test,combinations")
    assert record["sizes"] == {"pictures": 6}
    assert record["schema"] == 1
    assert record["seed"] == 0
    assert record["decoding"].startswith("GreedySearch(max_length=12")
    assert record["machine"]["cores"] >= 1
    assert re.fullmatch(r"[0-9a-f]{12}", record["config_hash"])
    assert set(record["controls"]) == {"most_frequent", "nearest_neighbour", "shuffled", "references"}
    assert {"true", "facts_ratio", "cider_d", "bleu_4", "distinct"} <= set(record["scores"])
    assert record["controls"]["references"]["true"] == 100
    lower, upper = record["intervals"]["cider_d"]
    assert lower <= record["scores"]["cider_d"] <= upper


def test_saved_predictions_score_the_same(run, own_run, tmp_path):
    saved = tmp_path / "predictions.jsonl"
    model = run("evaluate", "--checkpoint", own_run, "--format", "json", "--save-predictions", saved, "--beam-size", 2)
    rows = [json.loads(line) for line in saved.read_text().splitlines()]
    assert len(rows) == 12
    assert set(rows[0]) == {"id", "caption", "references", "scores"}
    scenes = json.loads((own_run.parent / "run" / "evaluation_test.json").read_text())
    (own_run / "evaluation_test.json").unlink()
    file = run("evaluate", "--checkpoint", own_run, "--format", "json", "--predictions", saved)
    assert json.loads(file.out)["scores"] == json.loads(model.out)["scores"] == scenes["scores"]
    assert not (own_run / "evaluation_test.json").exists(), "other people's captions are not this run's"


def test_captions_of_the_caption_command_can_be_scored(run, own_run, tiny_run, tmp_path):
    for form in ("jsonl", "csv"):
        file = tmp_path / f"captions.{form}"
        pictures = tiny_run / "scenes" / "test"
        run("caption", "--checkpoint", own_run, "--n-best", 2, "--format", form, "--output", file, pictures)
        data = ["scenes", f"folder={tiny_run / 'scenes'}", "transform.size=32"]
        counts = "counts={train: 40, val: 12, test: 12, combinations: 6}"
        found = run("evaluate", "--predictions", file, "--data", *data, counts, "--format", "csv", "--bootstrap", 0)
        assert found.status == 0, found.err
        rows = list(csv.DictReader(io.StringIO(found.out)))
        assert {row["score"] for row in rows} >= {"cider_d", "true"}
        assert all(row["nearest_neighbour"] == "" for row in rows)


def test_other_data_by_path(run, own_run, tmp_path):
    write_sample(tmp_path / "sample")
    found = run("evaluate", "--checkpoint", own_run, "--split", "all", "--data", "files", f"path={tmp_path / 'sample'}")
    assert found.status == 0, found.err
    assert "on all: 24 pictures" in found.out
    said = r"note: nearest: of 40 pictures of the model's own training data, not of these, never the picture itself"
    assert re.search(said, found.out), found.out
    assert not (own_run / "evaluation_all.json").exists()
    found = run("evaluate", "--checkpoint", own_run, "--no-controls", "--data", "files", f"path={tmp_path / 'sample'}")
    assert "no training captions" in found.out


def test_controls_do_not_know_what_is_scored(run, own_run, tiny_run, tmp_path):
    """A copy of the training pictures as other data: the nearest picture would be the picture itself."""
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run / "scenes", copy)
    command = ["evaluate", "--checkpoint", own_run, "--split", "train", "--format", "json", "--bootstrap", 0]
    for data in ([], ["--data", f"folder={copy}"]):
        record = json.loads(run(*command, *data).out)
        assert record["controls"]["nearest_neighbour"]["exact_match"] < 60
    shutil.move(tiny_run / "scenes", tmp_path / "away")
    try:
        record = json.loads(run(*command, "--data", f"folder={copy}").out)
    finally:
        shutil.move(tmp_path / "away", tiny_run / "scenes")
    assert "nearest_neighbour" not in record["controls"], "nothing is left to learn of"
    assert any("no training captions" in note for note in record["notes"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--split", "tset"],
            r"--split tset: the data have no such split\. Did you mean test\? There is: train \(40\)",
        ),
        (["--data", "pth=x"], "--data pth=x: the data have no key 'pth': there is: _target_, folder"),
        (["--data", "foldr=x"], "did you mean folder?"),
        (["--data", "file", "path=x"], "--data file: there is no such choice: did you mean files?"),
        (["--data", "files"], "--data files: data.path is missing; add path=…"),
        (
            ["--data", "files", "path=gone"],
            r"no file or folder 'gone' .*\n +\(other data than the checkpoint's: --data",
        ),
        (["--data", "scene_seed=5"], "holds scenes made with seed 0; expected seed 5"),
        (["--bootstrap", "-1"], "--bootstrap -1: expected a number of resamples"),
        (["--predictions", "gone.jsonl"], "gone.jsonl: no such file of predictions"),
    ],
)
def test_mistakes_are_said_in_a_sentence(run, own_run, arguments, message):
    found = run("evaluate", "--checkpoint", own_run, *arguments)
    assert found.status == 2
    assert re.search(message, found.err), found.err


def test_something_to_score_must_be_named(run):
    assert "nothing to score; give a --checkpoint" in run("evaluate").err


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "seqvision.data.pictures.os.system",
        "seqvision.data.scenes.write.shutil.rmtree",
        "seqvision.data.scenes.write_scenes",
        "seqvision.data.captions.LightningDataModule",
        "seqvision.data.list_pictures",
        "seqvision.data.import_module",
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_checkpoints_word_on_its_data_runs_nothing(run, own_run, target, nested, tmp_path):
    trap = tmp_path / "trap"
    checkpoint = torch.load(own_run / "best.ckpt", weights_only=True)
    node = {"_target_": target, "command": f"mkdir {trap}", "_args_": [f"mkdir {trap}"]}
    data = checkpoint["seqvision"]["config"]["data"]
    checkpoint["seqvision"]["config"]["data"] = {**data, "transform": [node]} if nested else node
    save_checkpoint(checkpoint, own_run / "best.ckpt")
    found = run("evaluate", "--checkpoint", own_run)
    assert found.status == 2
    assert f"asks for '{target}', which is not made by seqvision for reading data: it is not built" in found.err
    assert not trap.exists()


def test_a_run_that_cannot_be_written_to_still_shows_its_scores(run, own_run, monkeypatch):
    from seqvision.cli import record
    from seqvision.errors import UserError

    def refuse(path, text):
        raise UserError(f"{path}: cannot be written (Read-only file system)")

    monkeypatch.setattr(record, "write_output", refuse)
    found = run("evaluate", "--checkpoint", own_run, "--bootstrap", 0, "--no-controls")
    assert found.status == 1
    assert "cider_d" in found.out
    assert "the scores were not kept with the run" in found.err


def test_without_resampling_there_is_no_column_of_intervals(run, own_run):
    found = run("evaluate", "--checkpoint", own_run, "--bootstrap", 0)
    assert re.search(r"\n +model +most frequent +nearest", found.out), found.out
    assert "interval" not in found.out
    assert run("report", own_run, "--limit", 4).status == 0
    page = (own_run / "report.html").read_text()
    assert "Scores on test" in page
    assert "interval" not in page.partition("Best captions")[0].partition("<body")[2]


@pytest.mark.parametrize(
    ("sizes", "said"), [({"pictures": 1}, "1 picture"), ({"recordings": 2, "frames": 1}, "2 recordings, 1 frame")]
)
def test_what_was_scored_is_counted_as_one_says_it(sizes, said):
    assert size_of({"sizes": sizes}) == said
