"""Each choice of data goes the whole way with tiny files: checked, trained on, evaluated, used on files of its kind."""

import json

import numpy as np
import pytest
from PIL import Image

SMALL = ["encoder.channels=[8, 8]", "encoder.strides=[2, 2]", "encoder.coordinates=false"]


def write_pictures(folder):
    """Dark and light pictures in folders of their class."""
    draws = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = draws.normal(level, 20, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder / "dark" / "0.png"


def write_clips(folder):
    """Clips that become lighter, or darker, as NumPy pictures in folders of their class."""
    draws = np.random.default_rng(0)
    for name, step in (("dims", -12), ("lightens", 12)):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            frames = 128 + step * np.arange(-4, 5 + number % 3)[:, None, None, None] + draws.normal(0, 5, (16, 16, 3))
            np.savez(folder / name / f"{number}.npz", frames=frames.clip(0, 255).astype(np.uint8), rate=np.float64(25))
    return folder / "dims" / "0.npz"


def write_tables(folder):
    """Recordings of two numbers that rise, or fall, in folders of their class."""
    draws = np.random.default_rng(0)
    for name, step in (("falls", -0.3), ("rises", 0.3)):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            values = step * np.arange(8 + number % 3) + draws.normal(0, 0.2, 8 + number % 3)
            rows = "".join(f"{value:.3f},{-value:.3f}\n" for value in values)
            (folder / name / f"{number}.csv").write_text("x,y\n" + rows)
    return folder / "falls" / "0.csv"


def write_one_table(folder):
    """The same recordings in one table with a column of ids; a file of the values alone, to be classified."""
    draws = np.random.default_rng(0)
    folder.mkdir()
    rows = ["id,label,x,y"]
    for number in range(20):
        step = (-0.3, 0.3)[number % 2]
        values = step * np.arange(9) + draws.normal(0, 0.2, 9)
        rows += [f"r{number:02},{('falls', 'rises')[number % 2]},{value:.3f},{-value:.3f}" for value in values]
    (folder / "all.csv").write_text("\n".join(rows) + "\n")
    np.save(folder / "new.npy", np.stack([-0.3 * np.arange(9), 0.3 * np.arange(9)], axis=1))
    return folder / "new.npy"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "choice"),
    [
        (write_pictures, ["data=pictures", "data.reader.size=16"]),
        (write_pictures, ["data=pictures", "data.reader.size=16", "data.reader.order=patches", "data.reader.patch=4"]),
        (write_pictures, ["data=labelled_pictures", "data.reader.size=16", *SMALL]),
        (write_clips, ["data=clips", "data.reader.width=16", "data.reader.height=16", *SMALL]),
        (write_tables, ["data=recordings"]),
        (write_one_table, ["data=recordings"]),
    ],
    ids=["pictures", "patches", "labelled_pictures", "clips", "recordings", "one_table"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_choice_of_classes_goes_the_whole_way(run, tmp_path, monkeypatch, write, choice):
    monkeypatch.chdir(tmp_path)
    new = write(tmp_path / "mine")
    of_data = [part for part in choice if part.startswith("data")]
    checked = run("data", "check", *of_data, "data.path=mine", "--format", "json")
    assert checked.status == 0, checked.err
    assert json.loads(checked.out)["ok"]
    run_dir = "hydra.run.dir=run"
    fast = ["trainer.max_epochs=6", "trainer.accelerator=cpu", "data.batch_size=4", "data.num_workers=0"]
    trained = run("train", "pattern=classification", *choice, "data.path=mine", run_dir, *fast, "optimizer.lr=3e-3")
    assert trained.status == 0, trained.err
    evaluated = run("evaluate", "--checkpoint", "run", "--split", "val")
    assert evaluated.status == 0, evaluated.err
    assert "accuracy" in evaluated.out
    found = run("classify", "--checkpoint", "run", new, "--format", "jsonl")
    assert found.status == 0, found.err
    assert any(name in found.out for name in ("dark", "dims", "falls"))


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["classification", "labelling", "translation"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_pattern_trains_with_no_other_setting(run, tmp_path, monkeypatch, pattern):
    monkeypatch.chdir(tmp_path)
    found = run("train", f"pattern={pattern}", "hydra.run.dir=run", "trainer.max_epochs=1", "trainer.accelerator=cpu")
    assert found.status == 0, found.err
    assert (tmp_path / "run" / "best.ckpt").is_file()
