"""Rows of transfer by one word, for captions and for classes; the advice which; what neither can do, said plainly."""

import json
from pathlib import Path

import pytest
import torch
from coloured import write_coloured, write_weights
from training import SMALL

from seqvision.encoders.base import encoder_of
from seqvision.inference import load_captioner
from seqvision.inference.checkpoint import load_model
from seqvision.inference.sequences import LoadedClassifier

# what torch and Lightning say to developers of Lightning
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
QUICK = ["trainer=cpu", "trainer.max_epochs=1", "data.batch_size=8", "hydra.run.dir=run"]


@pytest.fixture
def coloured(tmp_path, monkeypatch):
    """The overrides of a classifier of coloured pictures with an encoder that begins with given weights."""
    monkeypatch.chdir(tmp_path)
    write_coloured(tmp_path / "pictures")
    write_weights(tmp_path / "weights.pth")
    small = ["encoder=timm", "encoder.name=test_resnet", "encoder.weights=weights.pth", "data.reader.size=32"]
    return ["pattern=classification", "data=labelled_pictures", "data.path=pictures", *small]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "stages", "callback"),
    [("linear_probe", 0, False), ("finetune_top", 1, True), ("finetune_more", 4, True)],
)
def test_a_row_says_which_stages_train_and_the_classifier_can_be_used(coloured, row, stages, callback, run, tmp_path):
    done = run("train", *coloured, *QUICK, f"transfer={row}", "callbacks.unfreezing.at=[0]" if callback else "seed=1")
    assert done.status == 0, done.err
    loaded = load_model("run", LoadedClassifier)
    start = torch.load("weights.pth", weights_only=True)
    encoder = encoder_of(loaded.model)
    assert encoder.learning_stages == stages
    learnt = dict(encoder.network.named_parameters())
    moved = {name for name, value in learnt.items() if not torch.equal(value, start[name])}
    assert bool(moved) == bool(stages)
    found = run("classify", "--checkpoint", "run", tmp_path / "pictures" / "red" / "0.png")
    assert found.status == 0
    assert found.out.startswith(f"{tmp_path}/pictures/red/0.png\t")


@pytest.mark.slow
def test_the_best_stage_is_taken_told_and_kept(coloured, run):
    done = run("train", *coloured, *QUICK, "transfer=stage_probe")
    assert done.status == 0, done.err
    table = json.loads(Path("run/stages.json").read_text())
    best = max(table["rows"], key=lambda row: row["score"])
    assert table["stages"] == [best["stage"]]
    assert "linear classifiers on the stages, accuracy" in done.out
    assert f"{best['name']} " in done.out
    loaded = load_model("run", LoadedClassifier)
    assert encoder_of(loaded.model).stages == (best["stage"],)
    assert encoder_of(loaded.model).feature_size == best["features"]
    again = run("train", "resume=run", "trainer.max_epochs=2")
    assert again.status == 0, again.err
    assert "linear classifiers" not in again.out, "a run that goes on has its stage"
    assert run("evaluate", "--checkpoint", "run", "--split", "val").status == 0


@pytest.mark.slow
def test_a_captioner_is_probed_by_its_words(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "weights.pth")
    small = [each for each in SMALL if not each.startswith("encoder.")]
    overrides = ["encoder=timm", "encoder.name=test_resnet", "encoder.weights=weights.pth", *small, *QUICK]
    done = run("train", *overrides, "data.counts={train: 40, val: 12}", "transfer=stage_probe", "transfer.words=10")
    assert done.status == 0, done.err
    assert "average precision in percent (12 pictures in 12 groups; ± standard error)" in done.out
    loaded = load_captioner("run")
    assert loaded.model.encoder.stages == tuple(json.loads(Path("run/stages.json").read_text())["stages"])
    pictures = sorted((tmp_path / "data" / "scenes").rglob("*.png"))[:2]
    assert run("caption", "--checkpoint", "run", *pictures).status == 0


@pytest.mark.few(1)
@pytest.mark.parametrize("row", ["linear_probe", "stage_probe"])
def test_random_weights_have_nothing_to_transfer(coloured, row, run):
    found = run("train", *coloured, *QUICK, "encoder.weights=null", f"transfer={row}")
    assert found.status == 2
    assert "begins with random weights; there is nothing to transfer. Take encoder=efficientnet_lite0" in found.err


@pytest.mark.few(1)
@pytest.mark.parametrize("pattern", ["translation", "painting"])
@pytest.mark.parametrize("row", ["linear_probe", "finetune_more"])
def test_without_an_encoder_there_is_nothing_to_transfer(pattern, row, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run("train", f"pattern={pattern}", *QUICK, f"transfer={row}")
    assert found.status == 2
    assert "this model has no encoder, so that there is nothing that could have learnt elsewhere" in found.err


@pytest.mark.slow
def test_another_runs_weights_are_transferred_too(run, tmp_path, monkeypatch):
    """Begun from a run of one's own, an encoder that knows no ImageNet has learnt elsewhere as well."""
    monkeypatch.chdir(tmp_path)
    few = [*SMALL, "data.counts={train: 16, val: 4}", "trainer.max_epochs=1"]
    assert run("train", *few, "hydra.run.dir=first").status == 0
    found = run("train", *few, "hydra.run.dir=second", "start_from=first", "transfer=linear_probe")
    assert found.status == 0, found.err
    first, second = (load_captioner(name).model.encoder.state_dict() for name in ("first", "second"))
    assert all(torch.equal(value, first[name]) for name, value in second.items())
    few = [each for each in few if not each.startswith("encoder.")]
    refused = run("train", *few, "start_from=first", "encoder=timm", "encoder.name=test_resnet", "transfer=stage_probe")
    assert refused.status == 2
    assert "another stage is another network, into which the run's weights would not fit" in refused.err


def test_an_encoder_without_a_choice_of_stages_says_so(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run("train", *SMALL, "data.counts={train: 16, val: 4}", "transfer=stage_probe")
    assert found.status == 2
    assert "of the kind SmallCNN has no `stages` to choose from" in found.err


@pytest.mark.slow
def test_advice_names_a_row_the_evidence_and_the_command(coloured, run):
    found = run("advise", *coloured, "--format", "json", "--pictures", "30")
    assert found.status == 0, found.err
    said = json.loads(found.out)
    assert (said["much"], said["transfer"] in ("linear_probe", "stage_probe")) == (False, True)
    assert said["per_class"]
    assert sum(said["per_class"].values()) == said["items"]
    assert said["command"].startswith(f"seqvision train transfer={said['transfer']} pattern=classification")
    assert set(said["likeness"]["likeness"]) == {"yours", "photographs", "drawn scenes", "noise"}
    assert len(said["stages"]["rows"]) >= 5
    text = run("advise", *coloured, "--pictures", "30").out
    assert text.startswith(f"transfer={said['transfer']}: little data")
    for part in ("Size: ", "Likeness: ", "Linear classifiers: ", "by chance", "<- best", said["command"]):
        assert part in text


def test_advice_is_refused_where_it_makes_no_sense(coloured, run):
    assert "begins with random weights" in run("advise", *coloured, "encoder.weights=null").err
    assert "this is what the command finds out" in run("advise", *coloured, "transfer=linear_probe").err
    assert "has no encoder" in run("advise", "pattern=classification").err
