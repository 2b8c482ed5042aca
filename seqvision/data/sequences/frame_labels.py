"""Files with a label for every frame: a label a line, a table of frames and labels, or a column of 0 and 1 a label."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data.core.text import read_text
from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.formats.table import (
    FRAME_NAMES,
    GROUP_NAMES,
    ID_NAMES,
    LABEL_NAMES,
    SPLIT_NAMES,
    TIME_NAMES,
    Table,
    read_table,
)
from seqvision.errors import UserError
from seqvision.names import Name, meant, one_meant, text_of

BACKGROUND = "background"
_VALUES = {"0": 0, "0.0": 0, "1": 1, "1.0": 1, "": -1, "-1": -1, "-1.0": -1, "nan": -1, "NaN": -1}
_NO_LABELS = {*FRAME_NAMES, *TIME_NAMES, *ID_NAMES, *GROUP_NAMES, *SPLIT_NAMES}


@dataclass(frozen=True, eq=False)
class FrameNames:
    """The labels of a sequence's frames as they are written, empty where nobody said; `rows` are their places in the
    file that messages call `where`."""

    names: list[str]
    where: str
    rows: Sequence[int]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class FrameMatrix:
    """Several labels a frame: `values` (time, classes) of 0 and 1, -1 where nobody said."""

    classes: tuple[str, ...]
    values: np.ndarray
    where: str

    def __len__(self) -> int:
        return len(self.values)


def read_frame_labels(
    file: Path,
    *,
    multilabel: bool = False,
    label_column: Name = None,
    frame_column: Name = None,
    first_frame: int = 0,
    frames: int | None = None,
    encoding: str = "utf-8",
) -> FrameNames | FrameMatrix:
    """The labels in a file of whichever of the three kinds: by its ending, and in a table by its columns."""
    if file.suffix.lower() not in (".csv", ".tsv"):
        return read_label_lines(file, encoding=encoding)
    table = read_table(file, encoding=encoding)
    if multilabel:
        return label_matrix(table)
    return label_column_of(
        table, label_column=label_column, frame_column=frame_column, first_frame=first_frame, frames=frames
    )


def read_label_lines(file: Path, *, encoding: str = "utf-8") -> FrameNames:
    """One label a line; an empty line is a frame without a label, the file's last end of line is none."""
    lines = [line.strip() for line in read_text(file, encoding).removesuffix("\n").split("\n")]
    return FrameNames(lines, file.name, range(1, len(lines) + 1))


def label_column_of(
    table: Table,
    *,
    label_column: Name = None,
    frame_column: Name = None,
    first_frame: int = 0,
    frames: int | None = None,
    in_order: bool = False,
) -> FrameNames:
    """The labels of a table with a label column: a row a frame in order, or by a column with the frame's number, which
    `in_order` passes over.

    Frames are counted from `first_frame`; those without a row have no label. `frames`: how many there are (else up to
    the last row's).
    """
    if label_column is None and table.find(None, LABEL_NAMES, "", "") is None and (columns := _marked(table)):
        raise UserError(
            f"{table.file.name}: a column of 0 and 1 for each label ({', '.join(columns)}), as DeepEthogram has. Set "
            "data.multilabel=true, or name a column with one label per frame with data.label_column=COLUMN."
        )
    label = table.need(label_column, LABEL_NAMES, "label", "data.label_column")
    frame = None if in_order else table.find(frame_column, FRAME_NAMES, "frame's number", "data.frame_column")
    names = table.column(label)
    if frame is None:
        return FrameNames(names, table.file.name, table.numbers)
    places = [_frame_number(cell, table, row, frame) - first_frame for row, cell in enumerate(table.column(frame))]
    count = frames if frames is not None else max(places) + 1
    row_of: dict[int, int] = {}
    for row, place in enumerate(places):
        if not 0 <= place < count:
            raise UserError(
                f"{table.where(row)}: frame {place + first_frame}, expected {first_frame} to {count - 1 + first_frame}."
                " If the file counts from another number, set data.first_frame (0 or 1 as a rule)."
            )
        if row_of.setdefault(place, row) != row:
            raise UserError(
                f"{table.where(row)}: frame {place + first_frame} is in row {table.numbers[row_of[place]]} already. "
                "Keep one of them; several labels a frame want a column each and data.multilabel=true."
            )
    return FrameNames(
        [names[row_of[place]] if place in row_of else "" for place in range(count)],
        table.file.name,
        [table.numbers[row_of[place]] if place in row_of else 0 for place in range(count)],
    )


def _marked(table: Table) -> list[str]:
    """The columns of labels, if all but those that number the rows hold only 0 and 1."""
    columns = [name for name in table.header if name.lower() not in _NO_LABELS]
    return columns if all(cell in _VALUES for name in columns for cell in table.column(name)) else []


def _frame_number(cell: str, table: Table, row: int, column: str) -> int:
    if not re.fullmatch(r"\d{1,15}(\.0*)?", cell):
        raise UserError(
            f"{table.where(row)}: '{cell:.40}' in column '{column}' is no frame number. Correct the row, or name "
            "another column with data.frame_column."
        )
    return int(float(cell))


def label_matrix(table: Table, *, columns: Sequence[Name] | None = None) -> FrameMatrix:
    """A column of 0 and 1 for each label, a row a frame, as DeepEthogram writes it; empty or -1 where nobody said.

    `columns`: which they are; by default all but those that number or name the rows. A column `background`, 1 where no
    other is, is no label: it is held against the others and dropped.
    """
    given = [table.need(name, (), "label", "data.label_columns") for name in columns or ()]
    wanted = given or [name for name in table.header if name.lower() not in _NO_LABELS]
    labels = [name for name in wanted if name.lower() != BACKGROUND]
    if not labels:
        raise UserError(
            f"{table.file.name}: no column for a label (found: {', '.join(table.header)}), expected one for each label "
            "with 0 and 1 in it. With one label a frame, leave out data.multilabel."
        )
    place_of = {name: place for place, name in enumerate(table.header)}
    values = np.empty((len(table), len(labels)), dtype=np.int64)
    background = next((place_of[name] for name in wanted if name.lower() == BACKGROUND), None)
    for row, cells in enumerate(table.rows()):
        for column, name in enumerate(labels):
            values[row, column] = _value(cells[place_of[name]], table, row, name)
        if background is not None:
            rest = _value(cells[background], table, row, table.header[background])
            active = [name for name, value in zip(labels, values[row], strict=True) if value == 1]
            if (rest == 1 and active) or (rest == 0 and (values[row] == 0).all()):
                raise UserError(
                    f"{table.where(row)}: {BACKGROUND} is {rest}, and {' and '.join(active) or 'nothing else'} is 1. "
                    f"{BACKGROUND} is 1 where no other label is; correct the row, or empty its cells where nobody said."
                )
    return FrameMatrix(tuple(labels), values, table.file.name)


def _value(cell: str, table: Table, row: int, name: str) -> int:
    try:
        return _VALUES[cell.strip()]
    except KeyError:
        raise UserError(
            f"{table.where(row)}: '{cell.strip()}' in column '{name}', expected 1 (it happens), 0 (it does not) or "
            "nothing (nobody said). Correct the row; with one label a frame, leave out data.multilabel."
        ) from None


def join_matrices(
    sequences: Sequence[FrameMatrix],
    *,
    merge: Mapping[Any, Name] | None = None,
    order: Sequence[Name] | None = None,
) -> tuple[list[np.ndarray], tuple[str, ...], list[str]]:
    """Each sequence's (time, classes) over the columns of all, the classes in the first file's order, and notes.

    A label that a file has no column for is unknown there (-1). `merge` joins columns: 1 where one of them is 1; those
    that are merged into None are left out. `order`: the classes as `data.classes` names them. Raises UserError for a
    name in either that there is not, and for a class that `order` lacks.
    """
    written = list(dict.fromkeys(name for sequence in sequences for name in sequence.classes))
    merged: dict[str, str | None] = {}
    for key, becomes in (merge or {}).items():
        if not meant(key, written):
            raise UserError(f"data.merge: no column '{text_of(key)}' (found: {', '.join(written)}). Correct the entry.")
        merged.update(dict.fromkeys(meant(key, written), None if becomes is None else one_meant(becomes, written)))
    called = [merged.get(name, name) for name in written]
    classes = tuple(dict.fromkeys(name for name in called if name is not None))
    if order is not None:
        classes = _ordered(classes, order)
    joined, lacking = [], {}
    for sequence in sequences:
        values = np.full((len(sequence), len(classes)), -1, dtype=np.int64)
        seen: set[str] = set()
        for column, written_name in enumerate(sequence.classes):
            name = merged.get(written_name, written_name)
            if name is None:
                continue
            place, new = classes.index(name), sequence.values[:, column]
            values[:, place] = _either(values[:, place], new) if name in seen else new
            seen.add(name)
        joined.append(values)
        missing = [name for name in classes if name not in seen]
        if missing:
            lacking[sequence.where] = missing
    notes = []
    if lacking:
        file, missing = next(iter(lacking.items()))
        notes.append(
            f"labels: {len(lacking)} of {len(sequences)} files have no column for some label, which is unknown there "
            f"and neither trained nor scored: {file} lacks {', '.join(missing)}" + ("; …" if len(lacking) > 1 else "")
        )
    if merged:
        done = (f"{old} into {new}" if new is not None else f"{old} left out" for old, new in merged.items())
        notes.append(f"labels: merged {', '.join(done)}")
    return joined, classes, notes


def _ordered(classes: Sequence[str], order: Sequence[Name]) -> tuple[str, ...]:
    """The classes in the order that `data.classes` names them in."""
    listed = f"(found: {', '.join(classes)})"
    for name in order:
        if not meant(name, classes):
            hint = did_you_mean(text_of(name), classes)
            raise UserError(f"data.classes: no label '{text_of(name)}' {listed}{hint}. Correct or remove it.")
    ordered = list(dict.fromkeys(one_meant(name, classes) for name in order))
    if len(ordered) < len(order):
        raise UserError(f"data.classes=[{', '.join(map(text_of, order))}] names a class twice. Name each class once.")
    if left := [name for name in classes if name not in ordered]:
        raise UserError(
            f"data.classes lacks the label '{left[0]}' {listed}. Add it, or leave it out with "
            f"data.merge={{{left[0]}: null}}."
        )
    return tuple(ordered)


def _either(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """1 where one is 1, 0 where both are 0, else -1."""
    return np.where((left == 1) | (right == 1), 1, np.where((left == 0) & (right == 0), 0, -1))
