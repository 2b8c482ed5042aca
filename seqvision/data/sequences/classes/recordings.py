"""Recordings of several numbers at a time with a class each: files in folders or in a list, or one long table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data.core.faults import each
from seqvision.data.core.tables import first_rows, shown
from seqvision.data.sequences.classes.listed import GROUP_NAMES, LIST_NAMES, FileKind, read_files
from seqvision.data.sequences.classes.sets import SplitNames, class_set, split_names
from seqvision.data.sequences.classes.tables import LABEL_NAMES
from seqvision.data.sequences.formats.table import Table, read_table
from seqvision.data.sequences.readers.numbers import clock_columns, table_columns
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.data.splits import split_name
from seqvision.errors import UserError
from seqvision.names import Name, text_of
from seqvision.signatures import hands_on_to
from seqvision.wording import counted

SUFFIXES = (".csv", ".tsv", ".npy")
ID_NAMES = ("id", "recording", "recording_id", "sequence", "sequence_id", "series", "series_id", "sample", "trial")
SPLIT_NAMES = ("split", "subset", "partition")


@hands_on_to(read_files)
def read_recordings(
    path: str | Path,
    *,
    id_column: Name = None,
    columns: Sequence[Name] | None = None,
    label_column: Name = None,
    split_column: Name = None,
    group_column: Name = None,
    encoding: str = "utf-8",
    merge: Mapping[Any, Name] | None = None,
    splits: Mapping[str, Any] | None = None,
    **options: Any,
) -> SequenceSet:
    """One record a recording: a file (CSV, TSV, .npy) in folders of classes or of a list, as in `read_files`; or the
    rows of one table that have the same id, then as an array float32 (time, features) of the columns of numbers.

    columns  which of one table's columns are features; by default all but the id, class, split, group, time and frame

    Such a table is known by `id_column`, or by a column `id`, `recording`, `series` … that holds no files' names.
    UserError with the row for what is no number, and for a recording of two classes.
    """
    path = Path(path)
    table = _long_table(path, id_column)
    if table is None:
        if columns:
            raise UserError(
                f"data.columns={list(map(text_of, columns))}: {path} holds a file for each recording. Name their "
                "columns with data.reader.columns=[…]."
            )
        return read_files(
            path,
            FileKind("recordings", SUFFIXES),
            label_column=label_column,
            split_column=split_column,
            group_column=group_column,
            encoding=encoding,
            merge=merge,
            splits=splits,
            **options,
        )
    drawn, named = split_names(splits)
    notes, records = _of_table(
        read_table(table, encoding=encoding), id_column, columns, label_column, split_column, group_column, named
    )
    named.check_used()
    return class_set(records, what="recordings", splits=drawn, merge=merge, notes=notes)


def _long_table(path: Path, id_column: Name) -> Path | None:
    """The table in which several rows make a recording, if that is what lies there."""
    if path.is_dir():
        tables = sorted(file for file in path.iterdir() if file.suffix.lower() in (".csv", ".tsv"))
        tables = [file for file in tables if file.stem not in LIST_NAMES and not split_name(file.stem)]
        path = tables[0] if len(tables) == 1 else path
    if not path.is_file() or path.suffix.lower() not in (".csv", ".tsv"):
        return None
    if id_column is not None:
        return path
    header, first = ([cell.lower() for cell in row] for row in [*first_rows(path, 2), [], []][:2])
    is_list = any("path" in name or "file" in name for name in header) or any(cell.endswith(SUFFIXES) for cell in first)
    return path if any(name in ID_NAMES for name in header) and not is_list else None


def _of_table(
    table: Table,
    id_column: Name,
    wanted: Sequence[Name] | None,
    label_column: Name,
    split_column: Name,
    group_column: Name,
    named: SplitNames,
) -> tuple[list[str], list[SequenceRecord]]:
    """What the columns are taken for, in words, and the recordings."""
    ids = table.need(id_column, ID_NAMES, "recording's id", "data.id_column")
    label = table.need(label_column, LABEL_NAMES, "label", "data.label_column")
    split = table.find(split_column, SPLIT_NAMES, "split", "data.split_column")
    group = table.find(group_column, GROUP_NAMES, "group", "data.group_column")
    said = [name for name in (ids, label, split, group) if name is not None]
    if wanted is not None:
        features = [table.need(name, (), "feature", "data.columns") for name in wanted]
    else:
        others = [name for name in table.header if name not in said]
        clocks = clock_columns(table, others, recording=ids)
        features = [name for name in others if name not in clocks]
    if not features:
        raise UserError(
            f"{table.file.name}: no column of numbers beside {', '.join(said)}. Add the recordings' values."
        )
    advice = "Correct it, or name the columns of numbers with data.columns=[…]."
    values = np.asarray(table_columns(table, features, advice=advice), dtype=np.float32)
    at = [None if name is None else table.header.index(name) for name in (ids, label, split, group)]
    rows: dict[str, list[int]] = {}
    known: dict[str, tuple[tuple[str | None, ...], str]] = {}
    for number, cells in enumerate(table.rows()):
        where = table.where(number)
        name, *facts = [None if place is None else cells[place].strip() for place in at]
        with each():
            if not name or not facts[0]:
                raise UserError(f"{where}: no {'label' if name else 'id'}. Fill it in, in every row of a recording.")
            before = known.setdefault(name, (tuple(facts), where))
            if before[0] != tuple(facts):
                here, there = next((a, b) for a, b in zip(facts, before[0], strict=True) if a != b)
                raise UserError(
                    f"{where}: recording '{name}' is '{here}' here and '{there}' in {before[1]}. A recording has one "
                    "label, one split and one group; give its parts ids of their own, or correct the row."
                )
            rows.setdefault(name, []).append(number)
    aside = ", ".join(name for name in table.header if name not in (*said, *features))
    notes = [
        f"columns of {table.file.name}: recordings by '{ids}', classes by '{label}', "
        f"{counted(len(features), 'feature')} ({shown(features)}); not used: {aside or 'none'} (data.columns)"
    ]
    return notes, [
        SequenceRecord(
            id=name,
            source=values[places],
            label=known[name][0][0],
            split=named.split(known[name][0][1], known[name][1]),
            group=known[name][0][2] or None,
        )
        for name, places in rows.items()
    ]
