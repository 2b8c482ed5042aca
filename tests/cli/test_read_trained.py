"""A reader is trained by the command, scored, shown on a page, and reads what it has not seen."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.mark.slow
def test_readers_of_both_directions_are_trained_scored_and_used_together(run, tmp_path):
    """Pairs of real digits: the two directions together are as good as the better of them, and read what is new."""
    composed = [
        "data=pictures_digits",
        "data.compose={_target_: seqvision.data.Composer, size: [10, 24], count: [1, 2], arrange: row, gap: [0, 2]}",
        *("data.canvases.train=1500", "data.canvases.val=60", "data.canvases.test=100"),
    ]
    small = ["model.channels=[8]", "model.glimpse=32", "rnn.hidden_size=32", "model.context=16", "model.coarse=8"]
    for name, backward in (("forward", "false"), ("backward", "true")):
        overrides = [*composed, *small, "model.looks=1", "model.size=8", "model.scales=2", f"data.backward={backward}"]
        trained = run(
            *(
                "train",
                "pattern=reading",
                "model=dram",
                "trainer.max_epochs=2",
                "optimizer.lr=0.003",
                "data.num_workers=0",
            ),
            *overrides,
            f"hydra.run.dir={tmp_path / name}",
        )
        assert trained.status == 0, trained.err
    pair = ["--checkpoint", tmp_path / "forward", "--backward", tmp_path / "backward"]
    found = run("evaluate", *pair, "--bootstrap", "200", "--format", "json")
    assert found.status == 0, found.err
    scores = json.loads(found.out)
    assert [path.parent.name for path in map(Path, scores["checkpoints"])] == ["forward", "backward"]
    alone = {name: scores["controls"][name]["accuracy"] for name in ("forward", "backward")}
    assert scores["differences"]
    for name, above in scores["differences"].items():  # paired, over the same strings
        expected = scores["scores"]["accuracy"] - scores["controls"][name]["accuracy"]
        assert above["accuracy"]["difference"] == pytest.approx(expected)
    assert not (tmp_path / "forward" / "evaluation_test.json").exists(), "these are not the run's own scores"
    text = run("evaluate", *pair, "--bootstrap", "0").out
    assert "forward alone" in text
    assert run("report", tmp_path / "forward").status == 0
    page = (tmp_path / "forward" / "report.html").read_text()
    assert "Short and long labels" in page
    assert "2 symbols" in page
    single = json.loads(
        run("evaluate", "--checkpoint", tmp_path / "forward", "--bootstrap", "0", "--format", "json").out
    )
    assert single["scores"]["accuracy"] == pytest.approx(alone["forward"])
    Image.fromarray(np.random.default_rng(0).integers(256, size=(10, 24), dtype=np.uint8)).save(tmp_path / "new.png")
    assert run("read", *pair, tmp_path / "new.png").out.startswith(str(tmp_path / "new.png"))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ram", "dram"])
def test_colour_pictures_of_any_size_are_learnt_and_read(run, tmp_path, model):
    """Of three sizes, none square, in one batch; one smaller than a look, and one of a single pixel."""
    draws = np.random.default_rng(0)
    shapes = [(20, 12), (9, 30), (5, 3), (1, 1)]
    for number in range(24):
        folder = tmp_path / "mine" / ("dark", "light")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = draws.integers(0, 90, (*shapes[number // 2 % 4], 3)) + 160 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:02}.png")
    small = {"ram": ["model.what=8", "model.where=8", "model.glimpse=16"], "dram": ["model.channels=[4]"]}[model]
    trained = run(
        *("train", "pattern=reading", f"model={model}", "data=pictures_files", f"data.path={tmp_path / 'mine'}"),
        *("model.looks=2", "model.size=8", "model.scales=2", "rnn.hidden_size=16", "trainer.max_epochs=2"),
        *("data.batch_size=24", "data.num_workers=0", *small, f"hydra.run.dir={tmp_path / 'run'}"),
    )
    assert trained.status == 0, trained.err
    assert run("evaluate", "--checkpoint", tmp_path / "run", "--bootstrap", "0").status == 0
    files = sorted((tmp_path / "mine").rglob("*.png"))[:8]
    found = run("read", "--checkpoint", tmp_path / "run", "--format", "jsonl", "--gif", tmp_path / "seen", *files)
    assert found.status == 0, found.err
    entries = [json.loads(line) for line in found.out.splitlines()]
    assert len(entries) == 8
    assert {entry["label"] for entry in entries} <= {"dark", "light"}
    alone = run("read", "--checkpoint", tmp_path / "run", "--format", "jsonl", files[-1]).out
    assert json.loads(alone)["probability"] == pytest.approx(entries[-1]["probability"], abs=1e-5), (
        "alone as in a batch"
    )


@pytest.mark.slow
def test_a_reader_is_trained_scored_and_shown(run, tmp_path):
    small = ["model.what=16", "model.where=16", "model.glimpse=16", "rnn.hidden_size=16", "model.looks=2"]
    trained = run("train", "pattern=reading", "trainer.max_epochs=1", *small, f"hydra.run.dir={tmp_path / 'run'}")
    assert trained.status == 0, trained.err
    assert "seqvision read --checkpoint" in trained.out
    found = run("evaluate", "--checkpoint", tmp_path / "run", "--bootstrap", "10", "--format", "json")
    assert found.status == 0, found.err
    kept = json.loads((tmp_path / "run" / "evaluation_test.json").read_text())
    assert {"majority", "random_looks", "one_look", "shuffled"} == set(kept["controls"])
    assert len(kept["details"]["by_looks"]) == 2
    assert kept["details"]["multiply_adds"] > 0
    page = run("report", tmp_path / "run")
    assert page.status == 0, page.err
    text = (tmp_path / "run" / "report.html").read_text()
    some = ("What more looks are worth", "Looking no further than needed", "What is taken for what")
    for heading in (*some, "Read rightly, test", "Least sure, test"):
        assert heading in text
