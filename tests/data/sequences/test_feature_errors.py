"""Files, settings and layouts of features that cannot be read are refused, with a reason and what to do."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from feature_files import VALUES, npy, table

from seqvision.data.sequences.readers.features import FeatureReader
from seqvision.data.sequences.readers.numbers import find_layout
from seqvision.errors import UserError


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(5, 5)], "nothing tells frames from features in 1 files (0.npy 5 x 5): both axes are alike. Set data.reader"),
        (
            [(5, 8), (6, 9)],
            "in 2 files (0.npy 5 x 8, 1.npy 6 x 9): no axis is the same in all of them. Set data.reader.",
        ),
    ],
)
def test_a_layout_that_nothing_decides_is_asked_for(shapes, message):
    with pytest.raises(UserError, match=re.escape(message)):
        find_layout({f"{n}.npy": shape for n, shape in enumerate(shapes)})


def test_an_unfitted_reader_does_not_guess(tmp_path):
    with pytest.raises(
        UserError, match=r"a\.npy: 6 x 2, and nothing tells frames from features\. Set data\.reader\.layout"
    ):
        FeatureReader().read(npy(tmp_path, VALUES))
    with pytest.raises(UserError, match="number of features is not known before the reader was fitted"):
        _ = FeatureReader().frame_shape
    with pytest.raises(UserError, match=r"no sources of features to read\. Correct data\.path"):
        FeatureReader().fitted([])


def objects(folder: Path) -> Path:
    np.save(folder / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    return folder / "a.npy"


def cut_off(folder: Path) -> Path:
    file = npy(folder, VALUES)
    file.write_bytes(file.read_bytes()[:-9])
    return file


def nothing(folder: Path) -> Path:
    (folder / "a.npy").touch()
    return folder / "a.npy"


def pickled(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(pickle.dumps([1, 2]))
    return folder / "a.npy"


BROKEN = {
    "Python objects": (
        objects,
        r"a\.npy: holds Python objects, which are not opened, for they can run code\. Write plain",
    ),
    "cut off": (cut_off, r"a\.npy: cut off, 215 of 224 bytes are there\. Copy it again"),
    "empty": (nothing, r"a\.npy: the file is empty \(0 bytes\)\. Copy it again, or leave it out"),
    "a pickle": (pickled, r"a\.npy: not a NumPy file, or cut off \(.*\)\. Copy it again, or write it anew"),
    "text": (lambda f: npy(f, ["a", "b"]), r"a\.npy: holds <U1, expected numbers\. Write them with np\.save"),
    "three axes": (lambda f: npy(f, np.zeros((2, 3, 4))), r"a\.npy: an array \(2, 3, 4\), expected two axes"),
    "no frames": (lambda f: npy(f, np.zeros((0, 4))), r"a\.npy: no frames in it\. Copy the file again"),
    "no such file": (lambda f: f / "b.npy", r"b\.npy: there is no such file\. Correct its name"),
    "no such table": (lambda f: f / "b.csv", r"b\.csv: there is no such file\. Correct its name"),
    "another kind": (lambda f: f / "b.mat", r"b\.mat: '\.mat' files hold no features that are read\. Use \.npy, \.csv"),
    "an array of one axis": (lambda f: np.zeros(3), r"an array \(3,\): expected \(time, features\)"),
    "a word among numbers": (
        lambda f: table(f, "x,y\n1,2\n3,oops\n"),
        r"a\.csv row 3: 'oops' in column 'y' is no number\. Correct the row, or leave .*data\.reader\.exclude=\[y\]",
    ),
    "decimal commas": (
        lambda f: table(f, "x;y\n1.5;2\n3,5;4\n"),
        r"row 2: a decimal point in column 'x', which has a decimal comma in row 3",
    ),
    "commas that may be decimal or not": (
        lambda f: table(f, "x;y\n1;2\n3,500;4\n"),
        r"row 3: '3,500' in column 'x' may be 3500 or 3\.500: .*Write decimals with a point",
    ),
    "a short row": (
        lambda f: table(f, "x,y\n1,2\n3\n"),
        r"a\.csv row 3: 1 fields, expected 2 \(x, y\)\. The file may be",
    ),
    "no numbers": (
        lambda f: table(f, "label,name\nrest,a\n"),
        r"a\.csv: no column of numbers but .* \(found: label, name\)\.",
    ),
    "no header": (lambda f: table(f, "1.5,2\n3,4\n"), r"a\.csv row 1: the first row holds numbers only \(1\.5, 2\)"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_files_say_what_is_wrong_and_what_to_do(tmp_path, what):
    make, message = BROKEN[what]
    with pytest.raises(UserError, match=message):
        FeatureReader(layout="time_first").read(make(tmp_path))


def test_recordings_with_other_features_are_refused(tmp_path):
    one, two = npy(tmp_path, np.zeros((4, 9))), npy(tmp_path, np.zeros((5, 9)), "b.npy")
    with pytest.raises(
        UserError, match=r"b\.npy has 5 features, a\.npy has 4: every frame of every recording needs the"
    ):
        FeatureReader(layout="features_first").fitted([one, two])
    reader = FeatureReader(layout="features_first").fitted([one])
    with pytest.raises(
        UserError, match=r"b\.npy: 5 features in every frame, expected 4 .* 5 x 9, read as features_first\."
    ):
        reader.read(two)
    with pytest.raises(UserError, match=r"c\.npy: 9 features .* 9 x 4, read as .*: its axes are swapped\. Save its"):
        reader.read(npy(tmp_path, np.zeros((9, 4)), "c.npy"))
    named = FeatureReader().fitted([table(tmp_path, "x,yy\n1,2\n")])
    with pytest.raises(
        UserError, match=r"b\.csv: no column 'yy' \(found: x, y\) \(did you mean 'y'\?\)\. Every recording"
    ):
        named.read(table(tmp_path, "x,y\n1,2\n", "b.csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "x"}, "data.reader.layout is 'x', expected one of auto, features_first, time_first"),
        ({"on_nan": "x"}, "data.reader.on_nan is 'x', expected one of error, zero, interpolate"),
        ({"frame_rate": 0}, "data.reader.frame_rate is 0, expected frames a second, above 0"),
        ({"exclude": ["z"]}, "a.csv: data.reader.exclude: no column 'z' (found: x). Correct or remove the entry."),
        ({"time_column": "z"}, "a.csv: no column 'z' for the time (found: x). Correct data.reader.time_column."),
        (
            {"time_column": "x"},
            "a.csv: the times in column 'x' do not grow, so they give no frame rate.",
        ),
    ],
)
def test_settings_that_mean_nothing_are_refused(tmp_path, options, message):
    file = table(tmp_path, "x\n1\n1\n")
    with pytest.raises(UserError, match=re.escape(message)):
        FeatureReader(**options).fitted([file]).rate(file)
