"""What a check of sequences counts, finds and says."""

from functools import partial

import numpy as np
import pytest
import torch
from films import write_film, write_sound

from seqvision.cli.data_source import layout_of_sequences
from seqvision.data import (
    FeatureReader,
    SequenceData,
    VideoReader,
    check_sequences,
    read_recordings,
    read_videos,
)
from seqvision.data.check_sequences import Moments
from seqvision.data.sequences.formats.frame_table import read_frame_tables
from seqvision.data.sequences.records import SequenceRecord, SequenceSet

SPLITS = ("train", "train", "val", "test")


@pytest.fixture
def tables(tmp_path):
    """Four recordings of 10 to 13 frames, the last two of each without a label."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for number, split in enumerate(SPLITS):
        labels = ["rest"] * 6 + ["walk"] * (2 + number) + [""] * 2
        rows = "".join(f"{n / 10},{n * (number + 1)},{label},{split}\n" for n, label in enumerate(labels))
        (folder / f"r{number}.csv").write_text("time,x,label,split\n" + rows)
    return folder


def check(path, **settings):
    reader = FeatureReader()
    return check_sequences(
        SequenceData(lambda path: read_frame_tables(path, reader=reader), reader, path=path),
        str(path),
        layout="tables",
        **settings,
    )


def data_of(records, classes=("a", "b")):
    return SequenceData(lambda: SequenceSet(records, classes), FeatureReader())


@pytest.mark.parametrize("quick", [False, True])
def test_frames_labels_and_classes_are_counted(tables, quick):
    report = check(tables, quick=quick)
    assert report.ok, report.to_text()
    assert {name: split.sequences for name, split in report.splits.items()} == {"train": 2, "val": 1, "test": 1}
    train = report.splits["train"]
    assert (train.frames, train.shortest, train.median, train.longest) == (21, 10, 10, 11)
    assert train.unlabelled == pytest.approx(4 / 21)
    assert train.classes == {"rest": 12, "walk": 5}
    first = report.files[0]
    assert (first.id, first.frames, first.labelled) == ("r0", 10, 8)
    assert first.rate == pytest.approx(10)
    text = report.to_text()
    assert "r3: test, 13 frames, 10 a second, 11 labelled" in text
    assert text.endswith("ready to train")


def test_training_frames_are_measured_by_channel(tables, tmp_path):
    report = check(tables)
    values = np.concatenate([np.arange(10) * 1.0, np.arange(11) * 2.0])  # of the two training recordings
    assert report.channel_mean == pytest.approx([values.mean()])
    assert report.channel_std == pytest.approx([values.std()])
    assert f"mean {values.mean():.3f}, deviation {values.std():.3f} in training" in report.to_text()
    assert report.to_dict()["channel_mean"] == report.channel_mean
    assert check(tables, quick=True).channel_mean == []

    moments = Moments()
    pictures = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 5), dtype=np.uint8)
    for part in (pictures[:2], pictures[2:]):
        moments.add(torch.from_numpy(part))
    assert moments.mean == pytest.approx((pictures / 255).mean(axis=(0, 2, 3)))
    assert moments.deviation == pytest.approx((pictures / 255).std(axis=(0, 2, 3)))


def test_the_same_file_in_two_splits_is_a_leak(tables):
    records = [SequenceRecord("x", tables / "r0.csv", "a", split="train")]
    (tables / "copy.csv").write_bytes((tables / "r0.csv").read_bytes())
    records += [SequenceRecord("y", tables / "copy.csv", "b", split="val")]
    report = check_sequences(data_of(records), "here", layout="list")
    assert report.leaks == [{"x": "train", "y": "val"}]
    assert not report.ok
    assert "x (train) = y (val)" in report.to_text()
    assert any(name.endswith("r3.csv") for name in report.unused)


def test_what_is_wrong_with_one_file_is_its_fate_alone(tmp_path):
    good, bad = np.ones((5, 2), np.float32), np.full((5, 2), np.nan, np.float32)
    records = [
        SequenceRecord("good", good, labels=np.zeros(5, int), split="train"),
        SequenceRecord("bad", bad, labels=np.ones(5, int), split="val"),
    ]
    report = check_sequences(data_of(records), "here", layout="arrays")
    assert [bool(fate.error) for fate in report.files] == [False, True]
    assert not report.ok
    assert "bad: NOT USED: an array" in report.to_text()
    assert "data.reader.on_nan" in report.to_text()
    quick = check_sequences(data_of(records), "here", layout="arrays", quick=True)
    assert quick.ok, "no frame was looked at"


def test_all_videos_that_cannot_be_read_are_listed(tmp_path):
    write_film(tmp_path / "good.mp4")
    cut = write_film(tmp_path / "cut.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(cut[: len(cut) // 2])
    (tmp_path / "empty.mp4").touch()
    write_sound(tmp_path / "sound.mp4")
    (tmp_path / "segments.csv").write_text("file,start,end,label\ngood.mp4,0,0.2,rest\n")
    reader = VideoReader()
    data = SequenceData(partial(read_videos, reader=reader), reader, path=tmp_path)
    report = check_sequences(data, str(tmp_path), layout="videos")
    assert not report.ok
    assert [fault.split(":")[0].rpartition("/")[2] for fault in report.faults] == ["cut.mp4", "empty.mp4", "sound.mp4"]
    assert "no video stream" in report.to_text()
    for name in ("cut", "empty", "sound"):
        (tmp_path / f"{name}.mp4").unlink()
    (tmp_path / "segments.csv").write_text("file,start,end,label\ngood.mp4,0,9,rest\n")
    (tmp_path / "other.mp4").write_bytes((tmp_path / "good.mp4").read_bytes())
    with open(tmp_path / "segments.csv", "a") as table:
        table.write("other.mp4,0,7,rest\nabsent.mp4,0,1,rest\n")
    data = SequenceData(partial(read_videos, reader=reader), reader, path=tmp_path)
    faults = check_sequences(data, "", layout="videos").faults
    for fault, part in zip(faults, ["no video 'absent.mp4'", "good.mp4", "other.mp4"], strict=True):
        assert part in fault, "all faults at once, those of the table before any video is opened"
    assert all("longer than the video" in fault for fault in faults[1:])


def test_a_class_without_training_is_a_fault_and_all_else_is_said(tmp_path):
    for split, name in (("train", "a"), ("train", "b"), ("val", "a"), ("val", "c")):
        (tmp_path / split / name).mkdir(parents=True)
        rows = "".join(f"{n},{len(split) * n + ord(name)}\n" for n in range(4))
        (tmp_path / split / name / "1.csv").write_text("x,y\n" + rows)
    reader = FeatureReader()
    report = check_sequences(SequenceData(read_recordings, reader, path=tmp_path), "here", layout="recordings")
    assert not report.ok
    assert "the class 'c' is seen only in val" in report.faults[0]
    assert report.splits["val"].classes == {"a": 1, "b": 0, "c": 1}
    assert [fate.frames for fate in report.files] == [4] * 4


def test_several_labels_a_frame_are_counted_by_label():
    labels = np.array([[1, 0], [1, 1], [-1, -1], [0, 0]])
    records = [
        SequenceRecord(split, np.ones((4, 1), np.float32), labels=labels, split=split) for split in ("train", "val")
    ]
    data = SequenceData(lambda: SequenceSet(records, ("a", "b"), multilabel=True), FeatureReader())
    report = check_sequences(data, "here", layout="arrays")
    assert report.splits["train"].classes == {"a": 2, "b": 1}
    assert report.splits["train"].unlabelled == 0.25
    assert "several a frame" in report.to_text()


def test_folders_of_videos_and_features_are_recognised(tmp_path):
    def folder(*files):
        base = tmp_path / str(len(list(tmp_path.iterdir())))
        for name in files:
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            (base / name).touch()
        return base

    assert layout_of_sequences(folder("a.mp4", "segments.csv")) == "videos"
    assert layout_of_sequences(folder("day/a.mp4", "segments.csv")) == "videos"
    assert layout_of_sequences(folder("walk/a.MP4", "rest/b.mp4")) == "clips"
    assert layout_of_sequences(folder("features/a.npy", "groundTruth/a.txt")) == "features"
    assert layout_of_sequences(folder("a.png", "captions.txt", "b.gif")) is None
    assert layout_of_sequences(folder("train.de", "train.en", "val.de.gz", "val.en.gz")) == "parallel"
    assert layout_of_sequences(folder("train.de-en.tsv", "readme.md")) == "parallel"
    assert layout_of_sequences(folder("train.csv", "train.py", "notes.de", "captions.en")) is None
    assert layout_of_sequences(tmp_path / "absent") is None
