"""A person's own pictures with classes or strings, and SVHN's cropped digits."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from seqvision.data import LabelledPictures, WholePictureReader, read_labelled_pictures, read_svhn
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
