"""One reader of tables: rows, delimiters, quotes, comments, blank columns; rows counted as the file has them."""

from pathlib import Path

import pytest

from seqvision.data.core.tables import read_rows
from seqvision.errors import UserError

LONG = "z" * 200_000
CASES: dict[str, tuple[str, str, list[tuple[int, list[str]]]]] = {
    "plain": ("a.csv", "x,y\n1,2\n3,4", [(1, ["x", "y"]), (2, ["1", "2"]), (3, ["3", "4"])]),
    "blank lines": ("a.csv", "x,y\n\n1,2\n \n3,4\n", [(1, ["x", "y"]), (3, ["1", "2"]), (5, ["3", "4"])]),
    "marks of lines inside cells": (
        *("a.csv", "t,l\na\u2028b,g\nc\x0bd,b\ne\x85f,h\n"),
        [(1, ["t", "l"]), (2, ["a\u2028b", "g"]), (3, ["c\x0bd", "b"]), (4, ["e\x85f", "h"])],
    ),
    "line ends inside quotes": (
        *("a.csv", 't,l\n"a\nb",g\n"c, d",h\n'),
        [(1, ["t", "l"]), (2, ["a\nb", "g"]), (4, ["c, d", "h"])],
    ),
    "line ends inside quotes between tabs": (
        *("a.tsv", 't\tl\n"a\nb"\tg\n"c\td"\th\n"e ""f"""\ti\n'),
        [(1, ["t", "l"]), (2, ["a\nb", "g"]), (4, ["c\td", "h"]), (5, ['e "f"', "i"])],
    ),
    "lone quotes between tabs": (
        *("a.tsv", 't\tl\n"A" he said\tg\n"open\th\n5" long\ti\n6"\tj\n'),
        [(1, ["t", "l"]), (2, ['"A" he said', "g"]), (3, ['"open', "h"]), (4, ['5" long', "i"]), (5, ['6"', "j"])],
    ),
    "a quote inside a cell": ("a.csv", 't,l\n5" long,g\n', [(1, ["t", "l"]), (2, ['5" long', "g"])]),
    "a long cell": ("a.csv", f'{LONG},l\n"{LONG}",g\n', [(1, [LONG, "l"]), (2, [LONG, "g"])]),
    "a line for Excel": ("a.csv", "sep=;\nx;y\n1,5;2\n", [(2, ["x", "y"]), (3, ["1,5", "2"])]),
    "decimal commas": ("a.csv", "x;y\n1,5;2\n1,6;2,5\n", [(1, ["x", "y"]), (2, ["1,5", "2"]), (3, ["1,6", "2,5"])]),
    "commas in the text": ("a.csv", "t;l\na, b, c;g\n", [(1, ["t", "l"]), (2, ["a, b, c", "g"])]),
    "a delimiter in a quoted heading": ("a.csv", '"x;y","z"\n1,2\n', [(1, ["x;y", "z"]), (2, ["1", "2"])]),
    "comments": ("a.csv", "# made by a program\n\n# at noon\nx,y\n1,2\n", [(4, ["x", "y"]), (5, ["1", "2"])]),
    "NumPy's heading": ("a.csv", "# x,y\n1,2\n", [(1, ["x", "y"]), (2, ["1", "2"])]),
    "text that looks like a comment": ("a.csv", "#so good,g\nbad,b\n", [(1, ["#so good", "g"]), (2, ["bad", "b"])]),
    "blank columns": ("a.csv", "x,y,,\n1,2,,\n", [(1, ["x", "y"]), (2, ["1", "2"])]),
    "blank columns and quotes": ("a.csv", '"x",y,\n1,"2, 3",\n', [(1, ["x", "y"]), (2, ["1", "2, 3"])]),
    "one column": ("a.csv", "x\na b\n", [(1, ["x"]), (2, ["a b"])]),
    "carriage returns": ("a.csv", "x,y\r1,2\r", [(1, ["x", "y"]), (2, ["1", "2"])]),
    "zero bytes": ("a.csv", "x,y\n1\0,2\n", [(1, ["x", "y"]), (2, ["1\0", "2"])]),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_and_their_lines(case: str, tmp_path: Path):
    name, text, expected = CASES[case]
    (tmp_path / name).write_bytes(text.encode())
    rows = read_rows(tmp_path / name)
    assert list(zip(rows.numbers, rows, strict=True)) == expected
    assert [rows.where(place) for place in range(len(rows))] == [f"{name} row {number}" for number, _ in expected]
    assert list(rows[1:]) == list(rows)[1:]


def test_quotes_that_no_cell_needs_are_text_where_nobody_quotes(tmp_path: Path):
    (tmp_path / "a.tsv").write_text('"Hello."\t"Hallo."\n"a\tb"\tc\n')
    assert list(read_rows(tmp_path / "a.tsv", raw=True)) == [['"Hello."', '"Hallo."'], ["a\tb", "c"]]
    assert list(read_rows(tmp_path / "a.tsv")) == [["Hello.", "Hallo."], ["a\tb", "c"]]


def test_a_quote_that_does_not_close_is_refused_by_row(tmp_path: Path):
    (tmp_path / "a.csv").write_text('t,l\n"a\nb",g\n"open,h\nmore,i\n')
    with pytest.raises(UserError, match=r"a.csv row 4: not valid CSV .*A quote that opens must close"):
        read_rows(tmp_path / "a.csv")


def test_rows_that_are_too_short_or_too_long_are_refused_by_row(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x,y\n1,2,\n3,4, \n\n5\n6,7,8\n")
    rows = read_rows(tmp_path / "a.csv")[1:]
    found = rows.even(["x", "y"], "Do this.")
    assert [next(found), next(found)] == [(2, ["1", "2"]), (3, ["3", "4"])]
    with pytest.raises(UserError, match=r"a.csv row 5: 1 fields, expected 2 \(x, y\). Do this."):
        next(found)
    with pytest.raises(UserError, match=r"a.csv row 6: 3 fields, expected 2"):
        list(rows[3:].even(["x", "y"], ""))


def test_rows_that_are_blank_can_be_left_out(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n,\n , \n")
    assert [*read_rows(tmp_path / "a.csv").filled()] == [["x", "y"], ["1", "2"]]


def test_lone_quotes_take_no_longer_where_they_are_many(tmp_path: Path):
    (tmp_path / "a.tsv").write_text("t\tl\n" + '"a ""b\tg\n' * 20_000)
    rows = list(read_rows(tmp_path / "a.tsv"))
    assert len(rows) == 20_001
    assert rows[-1] == ['"a ""b', "g"]
