"""A check of whole labelled pictures finds what was put into them to be found."""

import json

import numpy as np
import pytest
from PIL import Image

from seqvision.data import Composer, LabelledPictures, WholePictureReader, read_digits, read_labelled_pictures
from seqvision.data.check_pictures import check_pictures
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError

ROWS = ["12,train", "1,train", "2,train", "21,val", "12,test"]


def plates(folder, rows, *, more=()):
    """One picture a row, each of another colour, and their list; `more` stands in the list only."""
    folder.mkdir(exist_ok=True)
    for number in range(len(rows)):
        Image.new("RGB", (20 + number, 10), (20 * number, 0, 90)).save(folder / f"{number}.png")
    lines = [f"{number}.png,{row}" for number, row in enumerate(rows)]
    (folder / "labels.csv").write_text("\n".join(["path,label,split", *lines, *more]) + "\n")
    return folder


def check(path, *, strings=True, reader=None, **settings):
    data = LabelledPictures(
        read_labelled_pictures,
        reader or WholePictureReader(),
        path=path,
        strings=strings,
        on_missing="error",
        **settings,
    )
    return check_pictures(data, str(path), layout="pictures_files")


def test_symbols_and_lengths_are_counted_by_split(tmp_path):
    report = check(plates(tmp_path, ROWS))
    assert report.ok, report.to_text()
    assert report.strings
    assert {name: split.pictures for name, split in report.splits.items()} == {"train": 3, "val": 1, "test": 1}
    assert report.splits["train"].symbols == {"1": 2, "2": 2}
    assert report.splits["train"].lengths == {1: 2, 2: 1}
    assert report.splits["test"].lengths == {2: 1}
    assert report.width == {"min": 20, "median": 22, "max": 24}
    assert report.modes == {"RGB": 5}
    text = report.to_text()
    rows = [line.split() for line in text.splitlines()]
    assert ["1", "symbol", "2", "0", "0"] in rows
    assert ["2", "symbols", "1", "1", "1"] in rows
    assert text.endswith("ready to train")
    assert any("differ in size" in line for line in report.suggestions)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["splits"]["train"]["lengths"] == {"1": 2, "2": 1}
    assert data["ok"] is True


def test_damaged_missing_and_unlabelled_pictures_are_listed(tmp_path):
    folder = plates(tmp_path, ROWS, more=["ghost.png,1,train", "beyond.png,1,train"])
    whole = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(whole[:50])
    (folder / "2.png").write_bytes(b"")
    Image.new("RGB", (5, 5)).save(folder / "nobody.png")
    report = check(folder)
    assert not report.ok
    assert [line.split(":")[0].rsplit("/", 1)[-1] for line in report.damaged] == ["1.png", "2.png"]
    assert "the file is empty" in report.damaged[1]
    assert len(report.left_out) == 2
    assert "labels.csv row 7: no file 'ghost.png'" in report.left_out[0]
    assert [name.rsplit("/", 1)[-1] for name in report.unused] == ["nobody.png"]
    assert "look into this before training" in report.to_text()


def test_doubles_across_splits_and_with_other_labels_are_found(tmp_path):
    folder = plates(tmp_path, ROWS)
    for copy in ("3.png", "1.png"):
        (folder / copy).write_bytes((folder / "0.png").read_bytes())
    report = check(folder)
    assert report.duplicates == [["0.png", "1.png", "3.png"]]
    assert report.leaks == [{"0.png": "train", "1.png": "train", "3.png": "val"}]
    assert report.contradictions == [{"0.png": "12", "1.png": "1", "3.png": "21"}]
    assert not report.ok
    assert "0.png (12) = 1.png (1) = 3.png (21)" in report.to_text()
    assert any("in several splits" in line for line in report.suggestions)


@pytest.mark.parametrize("strings", [False, True])
def test_what_training_never_sees_is_said(tmp_path, strings):
    rows = ["1,train", "2,train", "1,val", "2,test", "9,test"] if not strings else [*ROWS[:4], "129,test"]
    report = check(plates(tmp_path, rows), strings=strings)
    assert not report.ok
    assert ("the symbol '9': 1 time in test" if strings else "the class '9': 1 time in test") in report.unseen
    assert "'9'" in report.faults[0]
    assert report.splits["test"].symbols["9"] == 1
    if strings:
        assert "labels of 3 symbols: 1 in test" in report.unseen


def test_a_set_without_labels_is_no_set(tmp_path):
    (tmp_path / "1.png").touch()
    with pytest.raises(UserError, match="no pictures in folders of classes"):
        check(tmp_path)


def test_the_advice_follows_the_numbers():
    """Most of one class, few of another, no colour, and dark on light where canvases want light on dark."""
    draws = np.random.default_rng(0)
    records = []
    for number in range(60):
        pixels = np.repeat(draws.integers(200, 256, (300, 8, 1), np.uint8), 3, axis=2)
        label = "8" if number % 20 else "7"
        records.append(SequenceRecord(str(number), pixels, label=label, split="val" if number > 50 else "train"))
    found = SequenceSet(records, ("7", "8"))
    composer = Composer(size=[400, 60])
    report = check_pictures(
        LabelledPictures(lambda: found, WholePictureReader(), compose=composer), "here", layout="composed"
    )
    advice = "\n".join(report.suggestions)
    assert "'7' is seen 3 times in training" in advice
    assert "94% of the training pictures are of '8'" in advice
    assert "data.reader.grey=true" in advice
    assert "data.reader.longest=256" in advice
    assert "data.reader.invert=true" in advice
    turned = check_pictures(
        LabelledPictures(lambda: found, WholePictureReader(invert=True), compose=composer), "here", layout="composed"
    )
    assert "data.reader.invert" not in "\n".join(turned.suggestions)
    assert turned.canvases["number"] == {"train": 51, "val": 9}
    assert turned.canvases["lengths"]["val"] == {1: 9}
    assert "canvases      400 x 60 pixels: 51 train, 9 val" in turned.to_text()


def test_canvases_that_cannot_hold_what_they_should_are_a_fault():
    sizes = {"train": (4, 5), "val": (4, 4), "test": (20, 20)}
    records = [
        SequenceRecord(f"{split}{n}", np.full((size, size), 20 * n + size, np.uint8), label="ab"[n], split=split)
        for split, two in sizes.items()
        for n, size in enumerate(two)
    ]
    data = LabelledPictures(
        lambda: SequenceSet(records, ("a", "b")), WholePictureReader(), compose=Composer(size=8, count=[1, 2])
    )
    report = check_pictures(data, "here", layout="composed")
    assert "too small for a picture of 20 x 20" in report.faults[0]
    assert report.canvases == {}


def test_labels_of_canvases_are_counted_by_length():
    data = LabelledPictures(
        lambda: read_digits(splits={"val": 0.1, "test": 0.2, "seed": 0}),
        WholePictureReader(),
        compose=Composer(size=[10, 40], count=[2, 3], arrange="row"),
    )
    report = check_pictures(data, "here", layout="composed")
    assert report.ok
    assert set(report.canvases["lengths"]["train"]) == {2, 3}
    assert sum(report.canvases["lengths"]["train"].values()) == 200


def test_parts_of_one_file_are_different_pictures(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(20, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "street.png")
    records = [
        SequenceRecord(f"{split}/{n}", tmp_path / "street.png", "12"[n], box=(20 * n, 0, 20 * n + 10, 20), split=split)
        for split in ("train", "val")
        for n in range(2)
    ]
    report = check_pictures(
        LabelledPictures(lambda: SequenceSet(records, ("1", "2")), WholePictureReader()), "here", layout="svhn_strings"
    )
    assert report.width == {"min": 10, "median": 10, "max": 10}
    assert report.duplicates == [["train/0", "val/0"], ["train/1", "val/1"]]
    assert report.contradictions == []
