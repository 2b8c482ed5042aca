"""Data can be looked into and drawn from the command line."""

import json
import re

import pytest
from PIL import Image

from seqvision.data.scenes import read_scenes, write_sample


def test_a_check_says_what_is_there(run, tmp_path):
    write_sample(tmp_path / "sample")
    found = run("data", "check", tmp_path / "sample")
    assert found.status == 0
    assert "ready to train" in found.out
    data = json.loads(run("data", "check", tmp_path / "sample", "--format", "json").out)
    assert (data["pictures"], data["captions"], data["ok"]) == (24, 120, True)


def test_a_check_of_faulty_data_ends_with_1(run, tmp_path):
    write_sample(tmp_path / "sample")
    (tmp_path / "sample" / "Images" / "scene_03.png").write_bytes(b"damaged")
    found = run("data", "check", tmp_path / "sample", "--output", tmp_path / "report.txt")
    assert (found.status, found.out) == (1, "")
    assert "scene_03.png" in (tmp_path / "report.txt").read_text()


def test_scenes_are_drawn_with_a_sheet(run, tmp_path):
    arguments = ["--size", 32, "--counts", "train=5,val=2", "--captions", 2, "--seed", 3]
    sheet = tmp_path / "sheet.png"
    found = run("data", "scenes", tmp_path / "scenes", *arguments, "--contact-sheet", sheet)
    assert found.status == 0, found.err
    assert found.out.splitlines() == [f"{tmp_path / 'scenes'}: 5 train, 2 val", str(sheet)]
    assert len(read_scenes(tmp_path / "scenes")) == 7
    with Image.open(tmp_path / "scenes" / "train" / "00000.png") as picture, Image.open(sheet) as whole:
        assert picture.size == (32, 32)
        assert whole.width > 800
    assert run("data", "scenes", tmp_path / "scenes", *arguments).status == 0, "the same scenes are left as they are"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scnes"], "no command 'data scnes': expected data check or data scenes"),
        (["check", "nowhere"], "no file or folder 'nowhere'"),
        (["scenes", "s", "--counts", "train"], r"'train' is not SPLIT=NUMBER"),
        (["scenes", "s", "--counts", "tain=5"], "splits are train, val, test, combinations; found tain"),
        (["scenes", "s", "--size", "2"], "size 2 and captions 5: expected 8 or more"),
        (["scenes", "s", "--counts", "train=2", "--contact-sheet", "s.xyz"], r"s\.xyz: cannot be written .*\.png"),
    ],
)
def test_mistakes_are_said_in_a_sentence(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    found = run("data", *arguments)
    assert found.status == 2
    assert re.search(message, found.err), found.err
