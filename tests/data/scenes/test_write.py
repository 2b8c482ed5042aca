"""Scenes as files: whole or not at all, reused when the same, in the layouts the ordinary readers know."""

import csv
import errno
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqvision.data.scenes import check_caption, draw_scene, make_scene, read_scenes, write, write_sample, write_scenes
from seqvision.errors import UserError

COUNTS = {"train": 6, "val": 2, "test": 2, "combinations": 2}
ROOT = Path(__file__).resolve().parents[3]


def test_a_folder_holds_pictures_captions_and_scenes(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "scenes", size=48, counts=COUNTS, seed=3, progress=False)
    scenes = read_scenes(folder)
    images = json.loads((folder / "captions.json").read_text())["images"]
    assert len(images) == len(scenes) == 12
    for image in images:
        name = f"{image['filepath']}/{image['filename']}"
        scene = scenes[name]
        assert scene == make_scene(3, int(image["filename"][:5]), image["split"])
        np.testing.assert_array_equal(np.asarray(Image.open(folder / name)), draw_scene(scene, 48))
        assert len(image["sentences"]) == 5
        assert all(check_caption(sentence["raw"], scene).true for sentence in image["sentences"])


def test_the_same_settings_are_reused_and_others_refused(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "scenes", counts=COUNTS, progress=False)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    write_scenes(folder, counts=COUNTS, progress=False)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(UserError, match=r"scenes made with size 64, seed 0; expected size 32, seed 1.*rm -r"):
        write_scenes(folder, counts=COUNTS, size=32, seed=1, progress=False)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not empty and no folder of scenes"):
        write_scenes(tmp_path, counts=COUNTS, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="splits are train, val, test, combinations; found dev"):
        write_scenes(tmp_path / "scenes", counts={"dev": 3}, progress=False)


def test_a_folder_without_scenes_cannot_be_judged_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scenes\.json: not found; .*write_scenes"):
        read_scenes(tmp_path)


def test_a_write_cut_short_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write, "_dump", fail)
    with pytest.raises(UserError, match=r"scenes: cannot be written \(No space left"):
        write_scenes(tmp_path / "scenes", counts=COUNTS, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_finished_first_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, draw_all = tmp_path / "scenes", write._draw_all

    def overtaken(*args) -> None:
        monkeypatch.setattr(write, "_draw_all", draw_all)
        write_scenes(folder, counts=COUNTS, progress=False)
        draw_all(*args)

    monkeypatch.setattr(write, "_draw_all", overtaken)
    write_scenes(folder, counts=COUNTS, progress=False)
    assert len(read_scenes(folder)) == 12
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_the_sample_in_the_repository_is_what_the_generator_makes(tmp_path: Path) -> None:
    kept, made = ROOT / "data" / "sample", write_sample(tmp_path / "sample")
    assert (kept / "captions.txt").read_text() == (made / "captions.txt").read_text()
    rows = list(csv.DictReader((made / "captions.txt").read_text(encoding="utf-8").splitlines()))
    assert {row["image"] for row in rows} == {path.name for path in (kept / "Images").iterdir()}
    assert sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()) < 150_000
    for path in (made / "Images").iterdir():
        np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(kept / "Images" / path.name)))


def test_drawing_and_judging_need_no_torch() -> None:
    files = (ROOT / "seqvision" / "data" / "scenes").glob("*.py")
    assert not any("import torch" in path.read_text() or "from torch" in path.read_text() for path in files)
