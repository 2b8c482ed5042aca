"""Names of columns, from one heading row or several; numbers with decimal commas; values out of JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqvision.data.core.json_values import json_text, parse_json
from seqvision.data.sequences.formats.table import read_table
from seqvision.data.sequences.readers.features import FeatureReader
from seqvision.data.sequences.readers.numbers import table_columns
from seqvision.errors import UserError

DLC = "scorer,D,D,D,D\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"
NUMBERS = "0,1.5,2,3,4\n1,1.6,2,3,4\n2,1.7,2,3,4\n"
HEADINGS = {
    "DeepLabCut": (DLC + NUMBERS, ("", "nose_x", "nose_y", "tail_x", "tail_y"), 4),
    "DeepLabCut, several animals": (
        DLC.replace("bodyparts", "individuals,a,a,a,a\nbodyparts").replace("a,a,a,a", "a,a,b,b") + NUMBERS,
        ("", "a_nose_x", "a_nose_y", "b_tail_x", "b_tail_y"),
        5,
    ),
    "pandas, with the index's name": (
        ",nose,nose,tail,tail\n,x,y,x,y\nframe,,,,\n" + NUMBERS,
        ("", "nose_x", "nose_y", "tail_x", "tail_y"),
        4,
    ),
    "merged cells of a spreadsheet": (
        ",nose,,tail,\n,x,y,x,y\n" + NUMBERS,
        ("", "nose_x", "nose_y", "tail_x", "tail_y"),
        3,
    ),
    "units below": ("n,a,b,c,d\n#,mV,mV,m/s,m/s\n" + NUMBERS, ("n", "a", "b", "c", "d"), 3),
    "an index without a name": (",a,b,c,d\n" + NUMBERS, ("", "a", "b", "c", "d"), 2),
    "R's row names": ("a,b,c,d\n" + NUMBERS, ("", "a", "b", "c", "d"), 2),
    "missing values in the first row": ("n,a,b,c,d\n0,NA,,n/a,walk\n1,2,3,4,walk\n", ("n", "a", "b", "c", "d"), 2),
    "a blank heading": ("n,a,,c,d\n" + NUMBERS, ("n", "a", "column 3", "c", "d"), 2),
}


@pytest.mark.parametrize("case", HEADINGS)
def test_names_of_columns(case: str, tmp_path: Path):
    text, names, first = HEADINGS[case]
    (tmp_path / "a.csv").write_text(text)
    table = read_table(tmp_path / "a.csv")
    assert table.header == names
    assert table.where(0) == f"a.csv row {first}"


def test_pose_estimates_are_features_but_for_their_frame_numbers(tmp_path: Path):
    rows = "".join(f"{frame},{frame % 7}.5,2,3,4\n" for frame in range(30))
    (tmp_path / "a.csv").write_text(DLC + rows)
    reader = FeatureReader().fitted([tmp_path / "a.csv"])
    assert reader.columns == ("nose_x", "nose_y", "tail_x", "tail_y")
    assert reader.read(tmp_path / "a.csv").shape == (30, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x;y\n0,5;1\n-1,25;2\n", [[0.5, 1], [-1.25, 2]]),
        ("x;y\n0,199;1\n1,234;2\n", [[0.199, 1], [1.234, 2]]),  # 0,199 is no thousand, so that 1,234 is none
        ('x,y\n"0,5",1\n"1,5e-3",2\n', [[0.5, 1], [0.0015, 2]]),
        ("x\ty\n0,5\t1.5\n1\t2.5\n", [[0.5, 1.5], [1, 2.5]]),  # each column in a way of its own
        ("x;y\n;1\n0,5;2\n", [[np.nan, 1], [0.5, 2]]),
    ],
)
def test_decimal_commas_are_read(text, expected, tmp_path: Path):
    file = tmp_path / ("a.tsv" if "\t" in text else "a.csv")
    file.write_text(text)
    assert np.array_equal(table_columns(read_table(file), ["x", "y"]), expected, equal_nan=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x;y\n1,234;1\n5,678;2\n", r"row 2: '1,234' in column 'x' may be 1234 or 1\.234"),
        ("x;y\n1,5;1\n2.5;2\n", r"row 3: a decimal point in column 'x', which has a decimal comma in row 2"),
        ("x;y\n1.234,5;1\n2;2\n", r"row 2: '1\.234,5' in column 'x' is no number"),
        ("x;y\n1_000;1\n2;2\n", r"row 2: '1_000' in column 'x' is no number"),
    ],
)
def test_numbers_that_may_mean_two_things_are_refused(text, message, tmp_path: Path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        table_columns(read_table(tmp_path / "a.csv"), ["x", "y"])


def test_a_line_end_in_a_cell_makes_no_row_of_numbers(tmp_path: Path):
    (tmp_path / "a.csv").write_text('x,note\n1,"a\nb"\n2,c\n')
    table = read_table(tmp_path / "a.csv")
    assert len(table) == 2
    assert table_columns(table, ["x"]).tolist() == [[1], [2]]
    assert [table.where(0), table.where(1)] == ["a.csv row 2", "a.csv row 4"]


@pytest.mark.parametrize(
    ("value", "what", "text"),
    [
        *[("good ", "label", "good"), (["good"], "label", "good"), (["a", "cat"], "text", "a cat"), (3, "label", "3")],
        *[(None, "label", None), (float("nan"), "label", None), ([], "text", None), (["A cat."], "text", "A cat.")],
    ],
)
def test_values_out_of_json(value, what, text):
    assert json_text(value, "a.jsonl row 1", what) == text


@pytest.mark.parametrize(
    ("value", "what"),
    [
        *[(["good", "bad"], "label"), ({"a": 1}, "text"), ([1, 2], "text"), (float("inf"), "label")],
        *[("half \ud83d", "text"), (["half", "\ud83d"], "text"), (["A cat.", "B c"], "text")],
    ],
)
def test_values_that_are_no_text_are_refused_by_row(value, what):
    with pytest.raises(UserError, match=r"a.jsonl row 1: the text holds|a.jsonl row 1: the (text|label) is"):
        json_text(value, "a.jsonl row 1", what)


def test_json_that_python_refuses_is_refused_in_a_sentence():
    for text, reason in (
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5000, "too many digits"),
        ('{"a": ', "not valid"),
    ):
        with pytest.raises(UserError, match=rf"a.json.*{reason}.*Copy it"):
            parse_json(text, "a.json", "Copy it again.")
    assert parse_json(json.dumps({"a": "ä"}), "a.json", "") == {"a": "ä"}
