"""A person's own pictures with classes or strings, and SVHN's cropped digits."""

import json
from functools import partial

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from seqvision.data import LabelledPictures, WholePictureReader, read_labelled_pictures, read_svhn, read_svhn_strings
from seqvision.data.loading import Item
from seqvision.errors import UserError


def plates(folder, labels):
    folder.mkdir(exist_ok=True)
    for number in range(len(labels)):
        Image.new("RGB", (20 + number, 10), (number, 0, 0)).save(folder / f"{number}.png")
    rows = [f"{number}.png,{label},{split}" for number, (label, split) in enumerate(labels)]
    (folder / "labels.csv").write_text("\n".join(["path,label,split", *rows]) + "\n")
    return folder


def test_strings_are_read_symbol_by_symbol(tmp_path):
    folder = plates(tmp_path, [("A1", "train"), ("1AA", "train"), ("A", "val"), ("11", "test")])
    found = read_labelled_pictures(folder, strings=True)
    assert found.classes == ("1", "A")
    data = LabelledPictures(lambda: found, WholePictureReader(), batch_size=2, num_workers=0)
    assert data.model_sizes()["objects"] == 4
    assert data.model_sizes()["classes"] == 3
    batch = next(iter(data.train_dataloader()))
    rows = dict(zip(batch.ids, batch.labels.tolist(), strict=True))
    assert rows["0.png"][:3] == [1, 0, 2]
    assert rows["1.png"] == [0, 1, 1, 2]
    assert batch.sizes.tolist() == [[10, 20 + int(id[0])] for id in batch.ids]


def test_words_are_symbols_where_labels_have_blanks(tmp_path):
    folder = plates(tmp_path, [("red dog", "train"), ("dog", "train"), ("dog red", "val")])
    assert read_labelled_pictures(folder, strings=True).classes == ("dog", "red")


def test_a_symbol_that_cannot_be_learnt_is_named(tmp_path):
    folder = plates(tmp_path, [("12", "train"), ("1", "train"), ("19", "val")])
    with pytest.raises(UserError, match="the symbol '9' is in the labels of val, but in none to train on"):
        read_labelled_pictures(folder, strings=True)


def test_classes_to_merge_are_none_in_strings(tmp_path):
    folder = plates(tmp_path, [("12", "train"), ("1", "val")])
    with pytest.raises(UserError, match=r"data\.merge"):
        read_labelled_pictures(folder, strings=True, merge={"1": "2"})


def test_cropped_house_numbers(tmp_path):
    generator = np.random.default_rng(0)
    for name, number in (("train", 40), ("test", 6)):
        pictures = generator.integers(256, size=(32, 32, 3, number), dtype=np.uint8)
        savemat(tmp_path / f"{name}_32x32.mat", {"X": pictures, "y": np.arange(number).reshape(-1, 1) % 10 + 1})
    found = read_svhn(tmp_path, splits={"val": 0.2, "seed": 0})
    assert found.classes == tuple("0123456789")
    last = found.records[-1]
    assert last.split == "test"
    assert last.label == "6"
    assert np.array_equal(last.source, pictures[..., -1])
    assert next(record for record in found.records if record.id == "train/000009").label == "0"


def test_files_that_are_not_house_numbers_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no file train_32x32\.mat"):
        read_svhn(tmp_path)
    (tmp_path / "train_32x32.mat").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"train_32x32\.mat: no file of cropped digits"):
        read_svhn(tmp_path)
    savemat(tmp_path / "train_32x32.mat", {"X": np.zeros((4, 4)), "y": np.zeros((3, 1))})
    with pytest.raises(UserError, match="expected uint8 of"):
        read_svhn(tmp_path)


def house_numbers(folder, numbers):
    """SVHN's layout as MATLAB writes it: a digit's value itself, several by reference."""
    h5py = pytest.importorskip("h5py")
    folder.mkdir(parents=True)
    with h5py.File(folder / "digitStruct.mat", "w") as file:
        names = file.create_dataset("digitStruct/name", (len(numbers), 1), h5py.ref_dtype)
        boxes = file.create_dataset("digitStruct/bbox", (len(numbers), 1), h5py.ref_dtype)
        for row, digits in enumerate(numbers):
            name = f"{row + 1}.png"
            Image.new("RGB", (60, 30), (row, 0, 0)).save(folder / name)
            file[f"held/name{row}"] = np.array([[ord(letter)] for letter in name], np.uint16)
            names[row, 0] = file[f"held/name{row}"].ref
            group = file.create_group(f"held/box{row}")
            for key, values in digits.items():
                if len(values) == 1:
                    group[key] = np.array([[float(values[0])]])
                    continue
                column = group.create_dataset(key, (len(values), 1), h5py.ref_dtype)
                for place, value in enumerate(values):
                    file[f"held/{row}{key}{place}"] = np.array([[float(value)]])
                    column[place, 0] = file[f"held/{row}{key}{place}"].ref
            boxes[row, 0] = group.ref


def digits(labels, left, *, top=4, width=10, height=20):
    number = len(labels)
    sides = {"left": left, "top": [top] * number, "width": [width] * number, "height": [height] * number}
    return {"label": labels, **sides}


def test_whole_house_numbers_are_cut_to_their_digits(tmp_path):
    numbers = [digits([7, 10], [5, 15]), digits([10, 7], [30, 20]), digits([7, 7, 10], [0, 10, 20])]
    house_numbers(tmp_path / "train", numbers)
    house_numbers(tmp_path / "test", [digits([7, 10], [10, 20])])
    found = read_svhn_strings(tmp_path, splits={"val": 0.3, "seed": 0})
    assert found.classes == ("0", "7")
    assert [record.label for record in found.records] == ["70", "70", "770", "70"]  # the second from right to left
    assert [record.split for record in found.records].count("test") == 1
    assert found.records[1].box == (17, 1, 43, 27)  # 20 … 40 and 4 … 24, and 15 % of each beyond
    data = LabelledPictures(
        partial(read_svhn_strings, splits={"val": 0.3, "seed": 0}), WholePictureReader(), folder=tmp_path, num_workers=0
    )
    batch = data.dataset("test", training=False).__getitems__([Item(0, 0)])
    assert batch.images.shape == (1, 3, 26, 26)
    whole = read_svhn_strings(tmp_path, margin=None, longest_number=2, splits={"val": 0.5, "seed": 0})
    assert [record.box for record in whole.records] == [None] * 3
    assert whole.notes[0] == "left out for more than 2 digits: 1"


def test_lists_of_boxes_that_are_none_are_named(tmp_path):
    with pytest.raises(UserError, match=r"train/digitStruct\.mat is not there"):
        read_svhn_strings(tmp_path)
    house_numbers(tmp_path / "train", [digits([7], [5])])
    (tmp_path / "train" / "1.png").unlink()
    with pytest.raises(UserError, match=r"names 1\.png, which is not beside it"):
        read_svhn_strings(tmp_path)
    (tmp_path / "train" / "digitStruct.mat").write_bytes(b"nothing")
    with pytest.raises(UserError, match="no list of digits' boxes, or damaged"):
        read_svhn_strings(tmp_path)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_hugging_faces_folders_of_splits_have_a_list_each(ending, tmp_path):
    for split in ("train", "validation", "test"):
        rows = [{"file_name": f"{number}.png", "label": "cat" if number % 2 else "dog"} for number in range(4)]
        (tmp_path / split).mkdir()
        for number, row in enumerate(rows):
            Image.new("L", (8, 8), 40 * number).save(tmp_path / split / row["file_name"])
        lines = (
            ["file_name,label", *(",".join(row.values()) for row in rows)] if ending == "csv" else map(json.dumps, rows)
        )
        (tmp_path / split / f"metadata.{ending}").write_text("\n".join(lines))
    found = read_labelled_pictures(tmp_path)
    assert {(record.id, record.label, record.split) for record in found.records} == {
        (f"{folder}/{number}.png", "cat" if number % 2 else "dog", split)
        for folder, split in (("train", "train"), ("validation", "val"), ("test", "test"))
        for number in range(4)
    }
