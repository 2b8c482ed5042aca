"""Labels of frames are read as they are meant; what nobody said stays unknown."""

import re
from pathlib import Path

import numpy as np
import pytest

from seqvision.data.sequences.frame_labels import (
    FrameMatrix,
    FrameNames,
    join_matrices,
    read_frame_labels,
    read_label_lines,
)
from seqvision.errors import UserError


def write(folder: Path, text: str, name: str = "a.csv") -> Path:
    file = folder / name
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_one_label_a_line_with_any_end_of_line(tmp_path, end):
    names = read_label_lines(write(tmp_path, f"\ufeffrest{end}{end}walk left{end}", "a.txt"))
    assert names.names == ["rest", "", "walk left"]
    assert len(names) == 3


def test_a_table_with_a_row_a_frame(tmp_path):
    names = read_frame_labels(write(tmp_path, "x;Behaviour\n1;rest\n2; \n\n3;walk\n"))
    assert (names.names, list(names.rows)) == (["rest", "", "walk"], [2, 3, 5])


def test_a_table_with_frame_numbers_may_leave_frames_out(tmp_path):
    file = write(tmp_path, "frame,label\n4,walk\n1,rest\n")
    assert read_frame_labels(file, first_frame=1).names == ["rest", "", "", "walk"]
    assert read_frame_labels(file, frames=6).names == ["", "rest", "", "", "walk", ""]
    assert list(read_frame_labels(file, first_frame=1).rows) == [3, 0, 0, 2]


def test_a_column_a_label_without_its_background(tmp_path):
    file = write(tmp_path, ",background,groom,dig\n0,1,0,0\n1,0,1,1\n2,,,\n3,0,1.0,-1\n")
    matrix = read_frame_labels(file, multilabel=True)
    assert matrix.classes == ("groom", "dig")
    assert matrix.values.tolist() == [[0, 0], [1, 1], [-1, -1], [1, -1]]


def test_columns_of_several_files_are_joined_and_what_a_file_lacks_is_unknown():
    one = FrameMatrix(("groom", "dig"), np.array([[0, 1]]), "one.csv")
    two = FrameMatrix(("dig", "rear"), np.array([[1, 0], [0, 0]]), "two.csv")
    (first, second), classes, (note,) = join_matrices([one, two])
    assert classes == ("groom", "dig", "rear")
    assert first.tolist() == [[0, 1, -1]]
    assert second.tolist() == [[-1, 1, 0], [-1, 0, 0]]
    assert note == (
        "labels: 2 of 2 files have no column for some label, which is unknown there and neither trained nor scored: "
        "one.csv lacks rear; …"
    )


def test_columns_are_merged_where_one_of_them_is_said():
    both = FrameMatrix(("dig", "Dig", "rest"), np.array([[1, 0, 0], [0, 0, 1], [-1, 1, 0], [0, -1, 0]]), "one.csv")
    (values,), classes, (note,) = join_matrices([both], merge={"Dig": "dig"})
    assert classes == ("dig", "rest")
    assert values.tolist() == [[1, 0], [0, 1], [1, 0], [-1, 0]]
    assert note == "labels: merged Dig into dig"
    with pytest.raises(UserError, match=re.escape("data.merge: no column 'x' (found: dig, Dig, rest). Correct")):
        join_matrices([both], merge={"x": "dig"})


def test_the_columns_of_several_labels_come_in_the_order_that_is_given():
    both = FrameMatrix(("dig", "2", "rest"), np.array([[1, 0, -1], [0, 1, 0]]), "one.csv")
    (values,), classes, _ = join_matrices([both], order=["rest", 2, "dig"])
    assert classes == ("rest", "2", "dig")
    assert values.tolist() == [[-1, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (["dig", "rests"], "data.classes: no label 'rests' (found: dig, rest) (did you mean 'rest'?)"),
        (["dig"], "data.classes lacks the label 'rest' (found: dig, rest). Add it, or leave it out with data.merge"),
        (["dig", "rest", "dig"], "data.classes=[dig, rest, dig] names a class twice"),
    ],
    ids=["unknown", "lacking", "twice"],
)
def test_classes_that_are_not_the_columns_are_refused(order, said):
    with pytest.raises(UserError, match=re.escape(said)):
        join_matrices([FrameMatrix(("dig", "rest"), np.array([[1, 0]]), "one.csv")], order=order)


BROKEN = {
    "an empty file": ("", {}, r"a\.csv: the file is empty \(0 bytes\)"),
    "a header alone": ("frame,label\n", {}, r"a\.csv: a header \(frame, label\) and no rows\. Copy the file again"),
    "no header": (
        "1,2.5\n2,3.5\n",
        {},
        r"a\.csv row 1: the first row holds numbers only \(1, 2\.5\), expected the names",
    ),
    "a column twice": ("a,a\n1,2\n", {}, r"a\.csv: two columns are called 'a'\. Give each column a name of its own"),
    "no label column": (
        "frame,what\n0,rest\n",
        {},
        r"a\.csv: no column for the label \(found: frame, what; usual names: label, .*Name it with data\.label_col",
    ),
    "a label column that is not there": (
        "frame,what\n0,rest\n",
        {"label_column": "waht"},
        r"a\.csv: no column 'waht' for the label \(found: frame, what\) \(did you mean 'what'\?\)\. Correct data",
    ),
    "a row too short": (
        "frame,label\n0\n",
        {},
        r"a\.csv row 2: 1 fields, expected 2 \(frame, label\)\. The file may be",
    ),
    "no frame number": (
        "frame,label\nx,rest\n",
        {},
        r"a\.csv row 2: 'x' in column 'frame' is no frame number\. Correct",
    ),
    "a frame before the first": (
        "frame,label\n1,rest\n0,rest\n",
        {"first_frame": 1},
        r"a\.csv row 3: frame 0, expected 1 to 1\. If the file counts from another number, set data\.first",
    ),
    "a frame past the last": (
        "frame,label\n1,rest\n2,rest\n",
        {"frames": 2},
        r"a\.csv row 3: frame 2, expected 0 to 1\. .*set data\.first_frame",
    ),
    "a frame twice": (
        "frame,label\n1,rest\n1,walk\n",
        {},
        r"a\.csv row 3: frame 1 is in row 2 already\. Keep one of them; several labels a frame .*data\.multilabel=true",
    ),
    "a word for a number": (
        "frame,dig\n1,yes\n",
        {"multilabel": True},
        r"a\.csv row 2: 'yes' in column 'dig', expected 1 \(it happens\), 0 .*leave out data\.multilabel",
    ),
    "only a background": (
        ",background\n0,1\n",
        {"multilabel": True},
        r"a\.csv: no column for a label \(found: , background\), expected one for each label",
    ),
    "a background with something in front of it": (
        ",background,dig\n0,1,1\n",
        {"multilabel": True},
        r"a\.csv row 2: background is 1, and dig is 1\. background is 1 where no other label is; correct the row",
    ),
    "neither background nor anything": (
        ",background,dig\n0,0,0\n",
        {"multilabel": True},
        r"a\.csv row 2: background is 0, and nothing else is 1\. .*empty its cells where nobody said",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_label_files_say_where_and_what_to_do(tmp_path, what):
    text, options, message = BROKEN[what]
    with pytest.raises(UserError, match=message):
        read_frame_labels(write(tmp_path, text), **options)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.csv: there is no such file\. Correct its name"):
        read_frame_labels(tmp_path / "nowhere.csv")


def test_names_of_frames_know_their_number():
    assert len(FrameNames(["a", ""], "x", [1, 2])) == 2
