"""Pictures and recordings with classes, in every layout they come in; MNIST's files; the digits of scikit-learn."""

import gzip
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqvision.data.sequences.classes import FileKind, read_digits, read_files, read_idx, read_pictures, read_recordings
from seqvision.data.sequences.classes.idx import read_idx_file
from seqvision.data.sequences.readers.pictures import PictureReader
from seqvision.errors import UserError

FASHION = Path("/usr/share/datasets/fashion-mnist")


def write_pictures(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(folder / name)
    return folder


def in_split(found, split):
    return {record.id: record.label for record in found.records if record.split == split}


def test_a_folder_a_class(tmp_path):
    names = [f"{kind}/{n}.png" for kind in ("cat", "dog", "cow/old") for n in range(20)]
    found = read_pictures(write_pictures(tmp_path, [*names, "cat/.hidden.png"]))
    assert {record.id: record.label for record in found.records} == {name: name[:3] for name in names}
    assert found.classes == ("cat", "cow", "dog")
    assert {record.split for record in found.records} == {"train", "val", "test"}
    assert all(record.source.is_file() for record in found.records)


def test_folders_of_splits_with_folders_of_classes(tmp_path):
    names = [f"{split}/{kind}/1.png" for split in ("train", "valid", "test") for kind in ("cat", "dog")]
    found = read_pictures(write_pictures(tmp_path, names))
    assert in_split(found, "val") == {"valid/cat/1.png": "cat", "valid/dog/1.png": "dog"}
    assert len(found.records) == 6


@pytest.mark.parametrize("named", [True, False])
def test_a_list_of_files(tmp_path, named):
    write_pictures(tmp_path, ["in/a.png", "in/b.png", "c.png", "unlisted.png"])
    rows = "file,class,split,subject\nin/a.png,cat,train,ann\n.\\in\\b.png,dog,train,bob\nc.png,cat,val,eve\n"
    (tmp_path / "labels.csv").write_text(rows)
    found = read_pictures(tmp_path / "labels.csv" if named else tmp_path)
    assert in_split(found, "train") == {"in/a.png": "cat", "in/b.png": "dog"}
    assert [record.group for record in found.records] == ["ann", "bob", "eve"]


def test_the_columns_of_one_list_in_each_split_are_said_once(tmp_path):
    for split in ("train", "validation", "test"):
        write_pictures(tmp_path / split, ["a.png", "b.png"])
        (tmp_path / split / "metadata.csv").write_text("file_name,label\na.png,cat\nb.png,dog\n")
    found = read_pictures(tmp_path)
    assert found.notes == ["columns of metadata.csv: path 'file_name', label 'label'"]
    assert in_split(found, "val") == {"validation/a.png": "cat", "validation/b.png": "dog"}


def test_a_list_of_files_that_lie_elsewhere_with_rows_to_skip(tmp_path):
    write_pictures(tmp_path / "there", ["a.png", "b.png", "c.png"])
    (tmp_path / "list.jsonl").write_text(
        "\n".join(f'{{"path": "{n}.png", "label": "{"xy"[n == "b"]}", "split": "train"}}' for n in "abd")
        + '\n{"path": "c.png", "label": "x", "split": "val"}\n'
    )
    found = read_pictures(tmp_path / "list.jsonl", files=tmp_path / "there", on_missing="skip")
    assert len(found.records) == 3
    assert found.notes == [
        "columns of list.jsonl: path 'path', label 'label', split 'split'",
        f"left out 1 row, the first: list.jsonl row 3: no file 'd.png' in {tmp_path / 'there'}",
    ]


def test_other_files_in_folders_are_read_by_the_same_rules(tmp_path):
    names = [f"{kind}/{n}.{ending}" for n in range(10) for kind, ending in (("run", "mp4"), ("jump", "MP4"))]
    for name in [*names, "jump/notes.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = read_files(tmp_path, FileKind("clips", (".mp4",)), splits={"test": 0.0, "val": 0.4})
    assert {record.id: record.label for record in found.records} == {name: name.split("/")[0] for name in names}
    assert {record.split for record in found.records} == {"train", "val"}


def test_recordings_in_folders(tmp_path):
    for kind in ("walk", "sit"):
        (tmp_path / kind).mkdir()
        for n in range(20):
            np.save(tmp_path / kind / f"{n}.npy", np.zeros((5, 3)))
    found = read_recordings(tmp_path)
    assert found.classes == ("sit", "walk")
    assert len(found.records) == 40


LONG = "id;label;time;subject;x;y\n" + "".join(
    f"r{n};{'ab'[n % 2]};{t / 25};s{n // 2};{t};{t * n}\n" for n in range(40) for t in range(3 + n % 2)
)


@pytest.mark.parametrize("named", [True, False])
def test_recordings_in_one_table(tmp_path, named):
    (tmp_path / "all.csv").write_text(LONG)
    found = read_recordings(tmp_path / "all.csv" if named else tmp_path)
    assert len(found.records) == 40
    third = found.records[3]
    assert (third.id, third.label, third.group) == ("r3", "b", "s1")
    assert third.source.tolist() == [[0, 0], [1, 3], [2, 6], [3, 9]]
    assert third.source.dtype == np.float32
    groups = {}
    for record in found.records:
        assert groups.setdefault(record.group, record.split) == record.split


def test_a_list_of_recordings_is_no_table_of_frames(tmp_path):
    for n in range(30):
        np.save(tmp_path / f"{n}.npy", np.zeros((5, 3)))
    (tmp_path / "list.csv").write_text("recording,label\n" + "".join(f"{n}.npy,{'ab'[n % 2]}\n" for n in range(30)))
    found = read_recordings(tmp_path / "list.csv")
    assert {record.source.name for record in found.records} == {f"{n}.npy" for n in range(30)}


def test_some_columns_of_one_table(tmp_path):
    (tmp_path / "all.csv").write_text(LONG)
    found = read_recordings(tmp_path / "all.csv", columns=["y"])
    assert found.records[3].source.tolist() == [[0], [3], [6], [9]]


def idx(array):
    return struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


PIXELS = np.arange(40 * 6, dtype=np.uint8).reshape(40, 2, 3)
CLASSES = np.arange(40, dtype=np.uint8) % 2


def write_idx(folder, *, pack=bytes, **changed):
    files = {
        "train-images-idx3-ubyte": idx(PIXELS), "train-labels-idx1-ubyte": idx(CLASSES),
        "t10k-images-idx3-ubyte": idx(PIXELS[:4]), "t10k-labels-idx1-ubyte": idx(CLASSES[:4]),
    }  # fmt: skip
    files.update({name.replace("_", "-"): data for name, data in changed.items()})
    for name, data in files.items():
        (folder / (name + (".gz" if pack is gzip.compress else ""))).write_bytes(pack(data))
    return folder


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_files_plain_or_packed(tmp_path, pack):
    found = read_idx(write_idx(tmp_path, pack=pack), splits={"val": 0.25})
    counts = Counter(record.split for record in found.records)
    assert counts == {"train": 30, "val": 10, "test": 4}
    record = found.records[7]
    assert (record.id, record.label) == ("train/00007", "1")
    assert np.array_equal(record.source, PIXELS[7])
    assert found.records[8].source.base is record.source.base  # views of one array


def test_idx_classes_have_names_where_they_are_given(tmp_path):
    found = read_idx(write_idx(tmp_path), classes=["shirt", "boot", "never"])
    assert found.classes == ("shirt", "boot")
    assert found.records[1].label == "boot"


IDX = {
    "no files": (None, {}, r"no file train-images-idx… in it \(it holds: nothing\).*data.path=FOLDER"),
    "cut off": (
        {"train_images_idx3_ubyte": idx(PIXELS)[:-5]},
        {},
        r"251 bytes, expected 256 for the shape \(40, 2, 3\)",
    ),
    "no idx": ({"train_labels_idx1_ubyte": b"hello"}, {}, r"no IDX file \(it starts with b'hell'"),
    "other labels": (
        {"train_labels_idx1_ubyte": idx(CLASSES[:9])},
        {},
        r"uint8 of shape \(40, 2, 3\), .*\(9,\): expected",
    ),
    "a class without a name": ({}, {"classes": ["shirt"]}, r"the class 1 has no name; data.classes names 1 of them"),
}


@pytest.mark.parametrize("case", IDX)
def test_what_is_wrong_with_idx_files_is_said(case, tmp_path):
    changed, options, message = IDX[case]
    if changed is not None:
        write_idx(tmp_path, **changed)
    with pytest.raises(UserError, match=f"(?s){message}"):
        read_idx(tmp_path, **options)


def test_a_packed_file_that_is_damaged_is_named(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx(PIXELS))[:-20])
    with pytest.raises(UserError, match=r"x.gz: damaged or cut off \(.*Copy or download it again"):
        read_idx_file(tmp_path / "x.gz")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MNIST", pytest.param("Fashion-MNIST", marks=pytest.mark.slow)])
def test_mnist_is_read(name, shared_data):
    if name == "Fashion-MNIST" and not FASHION.is_dir():
        pytest.skip(f"needs Debian's package dataset-fashion-mnist in {FASHION}")
    found = read_idx(FASHION if name == "Fashion-MNIST" else shared_data("MNIST"))
    assert Counter(record.split for record in found.records) == {"train": 54000, "val": 6000, "test": 10000}
    assert found.classes == tuple("0123456789")
    assert PictureReader(order="pixels").fitted([found.records[0].source]).read(found.records[0].source).shape == (
        784,
        1,
    )


def test_the_digits_are_all_there_and_split_alike_every_time():
    found = read_digits()
    assert Counter(record.split for record in found.records) == {"train": 1259, "val": 180, "test": 358}
    assert found.classes == tuple("0123456789")
    assert all(r.source.shape == (8, 8) and r.source.dtype == np.uint8 for r in found.records)
    assert max(record.source.max() for record in found.records) == 255
    assert [r.split for r in read_digits().records] == [r.split for r in found.records]
