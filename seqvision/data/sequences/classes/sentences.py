"""Sentences with a class each, as they come: tables, JSON lines, `label text` lines, one file a class."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqvision.data.core.faults import each, fault_of_many
from seqvision.data.core.tables import read_rows
from seqvision.data.core.text import read_text
from seqvision.data.sequences.classes.files import Found, find_text_files
from seqvision.data.sequences.classes.sets import class_set, split_names
from seqvision.data.sequences.classes.tables import (
    JSON_SUFFIXES,
    Cells,
    Column,
    columns_notes,
    has_header,
    label_column,
    read_columns,
    split_column,
)
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError
from seqvision.names import Name, text_of
from seqvision.wording import counted

_TEXT = "text sentence sentences review question comment content tweet message utterance phrase title body"
TEXT_NAMES = tuple(_TEXT.split())
LAYOUTS = ("auto", "table", "words", "files")


def read_sentences(
    path: str | Path,
    *,
    layout: str = "auto",
    text_column: Name = None,
    label_column: Name = None,
    split_column: Name = None,
    header: bool | None = None,
    encoding: str = "utf-8",
    coarse: str | None = None,
    merge: Mapping[Any, Name] | None = None,
    splits: Mapping[str, Any] | None = None,
    on_missing: str = "error",
) -> SequenceSet:
    """One record a sentence, its source the text, its group the text without regard to spaces and capitals, so that
    doubles share a split. data/README.md shows every layout.

    path        a file; a folder; or the common beginning of several files' names (`…/TREC` for `TREC.train` and
                `TREC.test`). Files called train, dev, test are splits; otherwise several files are one a class
    layout      "table": columns, or JSON lines; "words": a line's first word is the label; "files": one file a class
    text_column, label_column, split_column: a name, or a number from 1 where there is no header
    header      whether the first row names the columns; None: seen by itself
    coarse      what ends a label's coarse part: ":" makes `DESC` of `DESC:manner`
    merge       classes to call otherwise, or (None) to leave out
    splits      as `SplitRule` has them (shares `val`, `test`; `seed`); `rename` of splits: {"dev": "test"} reports on
                the dev file and sets apart a slice of the training sentences to choose by
    on_missing  rows without a text or a label: "error", or "skip", which counts them in the notes
    """
    path = Path(path)
    if layout not in LAYOUTS:
        raise UserError(f"data.layout is '{layout}', expected one of {', '.join(LAYOUTS)}")
    if on_missing not in ("error", "skip"):
        raise UserError(f"data.on_missing is '{on_missing}', expected 'error' or 'skip'")
    drawn, named = split_names(splits)
    columns = _Columns(text_column, label_column, split_column, header)
    found, notes = find_text_files(path, one_a_class=layout == "files")
    records: list[SequenceRecord] = []
    incomplete: list[str] = []
    taken: dict[str, str] = {}
    coarsened = False
    for file in found:
        for row in _rows(file, layout, columns, encoding):
            text, label, said = row.values
            taken.setdefault(file.path.name, row.taken)
            if not text or not label:
                incomplete.append(f"{row.where}: {_lacks(text, label)}")
                continue
            if coarse and coarse in label:
                coarsened, label = True, label.split(coarse, 1)[0]
            with each():
                split = named.split(said if said else file.split, row.where)
                records.append(SequenceRecord(row.where, text, label, group=_group(text), split=split))
    named.check_used()
    if coarse is not None and not coarsened:
        raise UserError(
            f"data.coarse='{coarse}' has no effect: no label holds it, e.g. '{records[0].label if records else ''}'. "
            "Name what ends the coarse part of the labels, or remove it"
        )
    records, doubles = _as_published(records)
    if on_missing == "error":
        fault_of_many(incomplete, "Fill it in, or leave such rows out with data.on_missing=skip.")
    if incomplete:
        notes.append(f"left out {counted(len(incomplete), 'row')}, the first: {incomplete[0]}")
    return class_set(
        records, what="sentences", splits=drawn, merge=merge, notes=[*notes, *columns_notes(taken), *doubles]
    )


def _group(text: str) -> str:
    """A short name that equal sentences share."""
    plain = " ".join(text.lower().split())
    return f"{plain:.20}… {hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def _as_published(records: list[SequenceRecord]) -> tuple[list[SequenceRecord], list[str]]:
    """The records, with groups that end at the borders of the data's own splits, and a note on what crosses them."""
    trained = {record.group for record in records if record.split == "train"}
    crossing = Counter(record.split for record in records if record.split != "train" and record.group in trained)
    notes = [
        f"{counted(count, 'sentence')} of '{split}' also in 'train', as published" for split, count in crossing.items()
    ]
    return [r if r.split is None else replace(r, group=f"{r.split}: {r.group}") for r in records], notes


class _Columns:
    """The three columns that are read, and what was said about the header."""

    def __init__(self, text: Name, label: Name, split: Name, header: bool | None):
        self.text = Column("text", TEXT_NAMES, "data.text_column", text)
        self.label = label_column(label)
        self.split = split_column(split)
        self.header = header

    def check_no_table(self, file: Path, found: str) -> None:
        """Raises a `UserError` where something is said about the columns of a file that has none."""
        given = {column.option: column.given for column in (self.text, self.label, self.split)}
        for option, value in {**given, "data.header": self.header}.items():
            if value is not None:
                raise UserError(
                    f"{option}={text_of(value)} has no effect: {file.name} {found}, not in columns. Remove it, or set "
                    "data.layout=table"
                )


def _lacks(text: Name, label: str | None) -> str:
    if not text:
        return f"no text beside the label '{label}'" if label else "neither text nor label"
    return f"no label beside the text '{text:.40}'"


def _rows(file: Found, layout: str, columns: _Columns, encoding: str) -> Iterator[Cells]:
    """Text, label and split of each row."""
    if file.label is not None:
        columns.check_no_table(file.path, "holds the sentences of one class")
        for where, line in _lines(file.path, encoding):
            yield Cells(where, (line, file.label, None))
        return
    suffix = file.path.suffix.lower()
    if suffix in JSON_SUFFIXES:
        asked = [columns.text, columns.label, columns.split]
        yield from read_columns(file.path, asked, encoding=encoding, header=True)
    elif layout == "table" or (layout == "auto" and (suffix in (".csv", ".tsv") or _has_tabs(file.path, encoding))):
        yield from _table(file.path, columns, encoding)
    else:
        columns.check_no_table(file.path, "has a label and a sentence in each line")
        yield from _first_words(file.path, encoding, sure=layout == "words")


def _table(file: Path, columns: _Columns, encoding: str) -> Iterator[Cells]:
    asked = [columns.text, columns.label, columns.split]
    first = next(iter(read_rows(file, encoding=encoding).filled()))
    header = has_header(first, asked) if columns.header is None else columns.header
    if header:
        yield from read_columns(file, asked, encoding=encoding, header=True)
        return
    text, label = _columns_without_names(file, columns, encoding)
    asked = [
        Column("text", (), columns.text.option, text),
        Column("label", (), columns.label.option, label),
        columns.split,
    ]
    yield from read_columns(file, asked, encoding=encoding, header=False)


def _columns_without_names(file: Path, columns: _Columns, encoding: str) -> tuple[int, int]:
    """The numbers of the text's and of the label's column: of two columns, the label has fewer different values."""
    text, label = columns.text.given, columns.label.given
    rows = list(read_rows(file, encoding=encoding).filled())
    first = rows[0]
    for option, given in ((columns.text.option, text), (columns.label.option, label)):
        if isinstance(given, int) and not 1 <= given <= len(first):
            raise UserError(f"{file.name}: no column {given} (there are {len(first)}, from 1). Correct {option}.")
    if not (isinstance(text, int) and isinstance(label, int)):
        text, label = _found_columns(file, rows, text, label)
    # a header of unusual names would be a class that occurs once
    named = [cells[label - 1].strip() for cells in rows if len(cells) >= label]
    if columns.header is None and named.count(named[0]) == 1 and len(named) > 4:
        raise UserError(
            f"{file.name} row 1: '{first[text - 1]:.30}' and '{named[0]:.30}' are not the usual names of columns, and "
            f"the class '{named[0]:.30}' occurs nowhere else. If the row is a header, name its columns with "
            "data.text_column=NAME data.label_column=NAME; if it is a sentence, set data.header=false."
        )
    return text, label


def _found_columns(file: Path, rows: Sequence[list[str]], text: Name, label: Name) -> tuple[int, int]:
    """The numbers of both columns of two, of which at most one is said."""
    first = rows[0]
    ask = "Say which they are with data.text_column=NUMBER data.label_column=NUMBER, or by the names of a header."
    if len(first) != 2:
        raise UserError(
            f"{file.name}: {len(first)} columns ({', '.join(f'{cell:.20}' for cell in first[:8])}), of which none is "
            f"called as text and label usually are ({TEXT_NAMES[0]}, {TEXT_NAMES[1]}, …; label, class, …). {ask}"
        )
    if isinstance(label, int):
        return 3 - label, label
    if isinstance(text, int):
        return text, 3 - text
    whole = [cells for cells in rows if len(cells) == 2]
    values = [{cells[place].strip() for cells in whole} for place in (0, 1)]
    if len(values[0]) == len(values[1]):
        raise UserError(
            f"{file.name}: no header, and both columns have {len(values[0])} different values, so that the text and "
            f"the label cannot be told apart. {ask}"
        )
    label = 1 if len(values[0]) < len(values[1]) else 2
    return 3 - label, label


def _first_words(file: Path, encoding: str, *, sure: bool) -> Iterator[Cells]:
    """Rows of `label text`: what comes before the first space is the label."""
    lines = [(where, *line.partition(" ")[::2]) for where, line in _lines(file, encoding)]
    labels = {label for _, label, _ in lines}
    if not sure and (len(labels) > 200 or 2 * len(labels) > len(lines)):
        raise UserError(
            f"{file.name}: no label found. There is no tab between label and text, and the lines begin with "
            f"{len(labels)} different words in {len(lines)} lines, which are hardly classes. Write 'label TAB text', "
            "name all files of a set with one file a class by the beginning of their names, or set data.layout=words "
            "if the first words are the labels."
        )
    for where, label, text in lines:
        yield Cells(where, (text.strip(), label, None))


def _lines(file: Path, encoding: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_text(file, encoding).split("\n"), start=1):
        if line.strip():
            yield f"{file.name} row {number}", line.strip()


def _has_tabs(file: Path, encoding: str) -> bool:
    """Whether most lines of a file have a tab in them."""
    lines = [line for line in read_text(file, encoding).split("\n") if line.strip()]
    return 2 * sum("\t" in line.strip() for line in lines) > len(lines)
