"""Rows of tables and JSON lines by the meaning of their columns: a text, a path, an id, a class, a split."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqvision.data.core.faults import each
from seqvision.data.core.json_values import json_text
from seqvision.data.core.tables import read_rows
from seqvision.data.formats.columns import SPLIT_NAMES, column_named, expect_once, first_of
from seqvision.data.formats.jsonlines import json_lines
from seqvision.data.formats.rows import read_json
from seqvision.errors import UserError
from seqvision.names import Name, meant
from seqvision.wording import some_of

_LABEL = "label class category target sentiment polarity emotion topic intent tag stars rating y"
LABEL_NAMES = tuple(_LABEL.split())
_NO_LABEL = ("NaN", "nan", "<NA>")  # what NumPy and pandas write where none is
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Column:
    """What a column holds (`what`, for messages), its usual names, and the name or the number that a person gave.

    A number is the column that is called so, else counts from 1; it is the only way where a table has no header.
    `needed=False`: the column may be missing.
    """

    what: str
    usual: Sequence[str]
    option: str
    given: Name = None
    needed: bool = True


def label_column(given: Name = None, *, needed: bool = True) -> Column:
    return Column("label", LABEL_NAMES, "data.label_column", given, needed)


def split_column(given: Name = None) -> Column:
    return Column("split", SPLIT_NAMES, "data.split_column", given, needed=given is not None)


@dataclass(frozen=True)
class Cells:
    """One row: where it stands, for messages, and the text in each of the columns asked for; None: not there.

    taken: which columns these are, in words; empty where there are none.
    """

    where: str
    values: tuple[str | None, ...]
    taken: str = ""


def read_columns(file: Path, columns: Sequence[Column], *, encoding: str, header: bool) -> Iterator[Cells]:
    """The rows of a CSV, TSV or JSON file, each with the columns asked for; see `data/README.md` for both.

    UserError with the row for what cannot be read, with the nearest name for a column that is not there.
    """
    if file.suffix.lower() in JSON_SUFFIXES:
        yield from _json_rows(file, columns, encoding)
        return
    rows = read_rows(file, encoding=encoding).filled()
    first = next(iter(rows))
    names = [name.strip() for name in first] if header else [str(place + 1) for place in range(len(first))]
    places = [_place(names, column, file.name, header) for column in columns]
    if header:
        expect_once(names, (names[place] for place in places if place is not None), file.name)
    advice = "Correct the row; a text that holds the separator needs quotes around it."
    for number, cells in (rows[1:] if header else rows).even(names, advice):
        yield _taken(f"{file.name} row {number}", cells, places, columns, names)


def has_header(first: Sequence[str], columns: Sequence[Column]) -> bool:
    """Whether a table's first row names columns: one asked for by name, or all that are needed by usual names, of
    which a column asked for by number may lack one if another has it.
    """
    if any(isinstance(column.given, str) for column in columns):
        return True
    needed = [column for column in columns if column.needed]
    found = [
        first_of(first, column.usual) is not None if column.given is None else _is_name_of(first, column)
        for column in needed
    ]
    return any(found) and all(named or column.given is not None for named, column in zip(found, needed, strict=True))


def _is_name_of(first: Sequence[str], column: Column) -> bool:
    """Whether the first row names a column that was asked for by number: so, or by a usual name at its place."""
    number = column.given
    if meant(number, first):
        return True
    return isinstance(number, int) and first_of(first[max(0, number - 1) : max(0, number)], column.usual) is not None


def _place(names: Sequence[str], column: Column, where: str, header: bool) -> int | None:
    counted = isinstance(column.given, int) and not isinstance(column.given, bool)
    if isinstance(column.given, int) and counted and not (header and meant(column.given, names)):
        if not 1 <= column.given <= len(names):
            raise UserError(
                f"{where}: no column {column.given} (there are {len(names)}, from 1). Correct {column.option}."
            )
        return column.given - 1
    if column.given is None and (not column.needed or not header):
        found = first_of(names, column.usual) if header else None
        return None if found is None else names.index(found)
    return names.index(column_named(names, column.given, column.usual, column.what, column.option, where))


def _taken(
    where: str, cells: Sequence[str], places: Sequence[int | None], columns: Sequence[Column], names: Sequence[str]
) -> Cells:
    found = [None if place is None else cells[place].strip() for place in places]
    for place, column in enumerate(columns):
        if column.what == "label" and found[place] in _NO_LABEL:
            found[place] = None
    return Cells(where, tuple(found), _in_words(places, columns, names))


def _in_words(places: Sequence[int | None], columns: Sequence[Column], names: Sequence[str]) -> str:
    """What the columns that are read are called: `text 'review', label 'stars'`."""
    pairs = zip(places, columns, strict=True)
    return ", ".join(f"{column.what} '{names[place]}'" for place, column in pairs if place is not None)


def columns_notes(taken: Mapping[str, str]) -> list[str]:
    """Notes on the columns that were read, by the files' names; those of several files that are alike in one."""
    by_columns: dict[str, list[str]] = {}
    for name, said in taken.items():
        if said:
            by_columns.setdefault(said, []).append(name)
    return [f"columns of {some_of(names)}: {said}" for said, names in by_columns.items()]


def _json_rows(file: Path, columns: Sequence[Column], encoding: str) -> Iterator[Cells]:
    if file.suffix.lower() == ".json":
        items = [(f"{file.name} item {n}", item) for n, item in enumerate(read_json(file, encoding), start=1)]
    else:
        items = list(json_lines(file, encoding))
    for where, item in items:
        with each():
            if not isinstance(item, dict):
                raise UserError(
                    f'{where}: expected an object such as {{"text": …, "label": …}}, found {json.dumps(item):.80}'
                )
            names = [str(name) for name in item]
            places = [_place(names, column, where, True) for column in columns]
            found = [None if place is None else item[names[place]] for place in places]
            texts = [json_text(value, where, column.what) for value, column in zip(found, columns, strict=True)]
            yield Cells(where, tuple(texts), _in_words(places, columns, names))
