"""Numbers out of files: .npy without unpickling, columns of tables; each way of being broken has its UserError."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from seqvision.data.core.arrays import open_npy
from seqvision.data.core.clocks import is_clock, is_clock_name, is_time_name
from seqvision.data.core.numerals import has_decimal_comma, is_missing, is_number, is_numeral
from seqvision.data.core.tables import shown
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
from seqvision.names import Name, all_meant, one_meant
from seqvision.wording import counted

_NO_FEATURES = {*LABEL_NAMES, *TIME_NAMES, *FRAME_NAMES, *ID_NAMES, *GROUP_NAMES, *SPLIT_NAMES}
_NEAR = 0.3  # of the labels' number: training blocks of a file may end that much before the file does
_SAMPLE = 2000  # rows by which clocks are known


def open_features(file: Path) -> np.ndarray:
    """The array of a .npy file, (time,) or with two axes, mapped into memory and not read. UserError as `open_npy`."""
    array = open_npy(file)
    if array.ndim not in (1, 2):
        raise UserError(f"{file}: an array {array.shape}, expected two axes, time and features.")
    return array


def find_layout(shapes: Mapping[str, tuple[int, ...]], lengths: Sequence[int] | None = None) -> tuple[str, str]:
    """The layout of arrays by file, and why: the axis as long as the labels is time; else the axis that is the
    same in all files is features; else time is the axis nearly as long as the labels; else features the smaller.
    UserError where nothing decides."""
    pairs = {name: shape for name, shape in shapes.items() if len(shape) == 2}
    if not pairs:
        return "time_first", "every file is a single row of numbers"
    axes = ("first", "second")
    known = lengths if len(pairs) == len(shapes) else None
    if known:
        as_long = [sum(shape[axis] == n for shape, n in zip(pairs.values(), known, strict=True)) for axis in (0, 1)]
        if as_long[0] != as_long[1]:
            time = int(as_long[1] > as_long[0])
            why = f"the {axes[time]} axis is as long as the labels in {as_long[time]} of {len(pairs)} files"
            return ("time_first", "features_first")[time], why
    sizes = [{shape[axis] for shape in pairs.values()} for axis in (0, 1)]
    same = [len(size) == 1 for size in sizes]
    if same == [True, False]:
        return "features_first", f"the first axis is {min(sizes[0])} in all {len(pairs)} files and the second varies"
    if same == [False, True]:
        return "time_first", f"the second axis is {min(sizes[1])} in all {len(pairs)} files and the first varies"
    first, second = next(iter(pairs.values()))
    if known:
        off = [sum(abs(shape[axis] - n) for shape, n in zip(pairs.values(), known, strict=True)) for axis in (0, 1)]
        if off[0] != off[1] and min(off) <= _NEAR * sum(known):
            time = int(off[1] < off[0])
            return ("time_first", "features_first")[time], f"the {axes[time]} axis is about as long as the labels"
    if all(same) and first != second:
        smaller = "features_first" if first < second else "time_first"
        why = f"{min(first, second)} is the smaller of {first} x {second} in every file: set the other if that is time"
        return smaller, why
    shown = ", ".join(f"{Path(name).name} {' x '.join(map(str, shape))}" for name, shape in list(pairs.items())[:3])
    raise UserError(
        f"nothing tells frames from features in {len(pairs)} files ({shown}): "
        f"{'both axes are alike' if all(same) else 'no axis is the same in all of them'}. Set "
        "data.reader.layout=features_first (D x T) or time_first (T x D), and see that every file has as many features."
    )


def interpolated(values: np.ndarray) -> np.ndarray:
    """The values (time, features) with what is not finite on a line between the frames around it; 0 where a feature has
    no finite value at all."""
    mended = values.copy()
    frames = np.arange(len(values))
    for feature in np.flatnonzero(~np.isfinite(values).all(axis=0)):
        good = np.isfinite(values[:, feature])
        mended[:, feature] = np.interp(frames, frames[good], values[good, feature]) if good.any() else 0
    return mended


def cached_table(file: Path, encoding: str) -> Table:
    """The table; a few are kept, for windows of one file come one after the other."""
    return _table(file, encoding, _version(file))


def cached_columns(file: Path, columns: tuple[str, ...], encoding: str) -> np.ndarray:
    """The numbers (time, columns) in these columns of a table, not to be written to; a few files' are kept."""
    return _columns(file, columns, encoding, _version(file))


def _version(file: Path) -> tuple[int, int]:
    try:
        said = os.stat(file)
    except OSError:
        raise UserError(f"{file}: there is no such file. Correct its name.") from None
    return said.st_mtime_ns, said.st_size


@lru_cache(maxsize=4)
def _table(file: Path, encoding: str, version: tuple[int, int]) -> Table:
    return read_table(file, encoding=encoding)


@lru_cache(maxsize=4)
def _columns(file: Path, columns: tuple[str, ...], encoding: str, version: tuple[int, int]) -> np.ndarray:
    values = table_columns(_table(file, encoding, version), columns)
    values.flags.writeable = False
    return values


def table_columns(table: Table, columns: Sequence[str], *, advice: str = "") -> np.ndarray:
    """The numbers (time, columns) in these columns; NaN where a cell is empty.

    Decimal commas are read where the table leaves no doubt that they are some. `advice` is for a cell that is no
    number. Raises UserError with the row.
    """
    columns = [one_meant(name, table.header) for name in columns]
    for name in columns:
        if name not in table.header:
            raise UserError(
                f"{table.file.name}: no column '{name}' (found: {shown(table.header)})"
                f"{did_you_mean(name, table.header)}. Every recording needs the same columns; correct the file or "
                "data.reader.columns."
            )
    places = [table.header.index(name) for name in columns]
    at_once = _read_at_once(table, places)
    if at_once is not None:
        return at_once
    found: list[list[float]] = []
    underscores = table.body.lines is None or any("_" in line for line in table.body.lines)
    marks: dict[str, dict[str, int]] = {}
    for row, cells in enumerate(table.rows()):
        chosen = [cells[place] for place in places]
        try:
            if underscores and "_" in "".join(chosen):
                raise ValueError
            found.append([float(cell) for cell in chosen])
        except ValueError:
            numbers = (
                _number(cell.strip(), table, row, column, marks.setdefault(column, {}), advice)
                for cell, column in zip(chosen, columns, strict=True)
            )
            found.append(list(numbers))
    for column, rows in marks.items():
        place = table.header.index(column)
        pointed = (row for row, cells in enumerate(table.rows()) if "." in cells[place]) if rows else iter(())
        if (at := next(pointed, None)) is not None:
            raise UserError(
                f"{table.where(at)}: a decimal point in column '{column}', which has a decimal comma in row "
                f"{table.numbers[rows[',']]}. Write all of its numbers in one way."
            )
    return np.array(found, dtype=np.float64).reshape(len(found), len(columns))


def _read_at_once(table: Table, places: Sequence[int]) -> np.ndarray | None:
    """The columns at these places of a table of plain numbers; None where the table is no such table."""
    lines, delimiter = table.body.lines, table.body.delimiter
    separators = len(table.header) - 1
    if lines is None:
        return None
    if table.body.quoted:
        if not table.body.even_lines:
            return None
    elif not all(line.count(delimiter) == separators for line in lines):
        return None
    if delimiter != "," and any("," in line for line in lines):
        if not table.decimal_comma or any("." in line for line in lines):
            return None
        lines = [line.replace(",", ".") for line in lines]
    quote = '"' if table.body.quoted else None
    try:
        return np.loadtxt(lines, delimiter=delimiter, usecols=places, comments=None, ndmin=2, quotechar=quote)
    except ValueError:
        return None  # some cell is empty or no number: the slow way finds out which


def _number(cell: str, table: Table, row: int, column: str, marks: dict[str, int], advice: str) -> float:
    if is_missing(cell):
        return np.nan
    if is_number(cell):
        return float(cell)
    advice = advice or f"Correct the row, or leave the column out with data.reader.exclude=[{column}]."
    if not has_decimal_comma(cell):
        raise UserError(f"{table.where(row)}: '{cell}' in column '{column}' is no number. {advice}")
    if not table.decimal_comma:
        raise UserError(
            f"{table.where(row)}: '{cell}' in column '{column}' may be {cell.replace(',', '')} or "
            f"{cell.replace(',', '.')}: no number in the table says whether its commas are decimal. Write decimals "
            f"with a point, and thousands without a comma. {advice}"
        )
    marks.setdefault(",", row)
    return float(cell.replace(",", "."))


def feature_columns(table: Table, exclude: Sequence[Name] = ()) -> tuple[tuple[str, ...], list[str]]:
    """The columns that hold features, and those that do not: clocks, labels, names, and what is not a number."""
    left_out = all_meant(exclude, table.header)
    for name in left_out:
        if name not in table.header:
            raise UserError(
                f"{table.file.name}: data.reader.exclude: no column '{name}' (found: {shown(table.header)})"
                f"{did_you_mean(name, table.header)}. Correct or remove the entry."
            )
    numbers = _number_columns(table, left_out)
    clocks = clock_columns(table, numbers)
    used = tuple(name for name in numbers if name not in clocks)
    if not used:  # a single column that counts is what was recorded
        clocks = [name for name in clocks if is_clock_name(name)]
        used = tuple(name for name in numbers if name not in clocks)
    if not used:
        raise UserError(
            f"{table.file.name}: no column of numbers but times, labels and names (found: {shown(table.header)}). Name "
            "the features with data.reader.columns=[…]."
        )
    return used, [_described(table, name, clocks) for name in table.header if name not in used]


def time_column(table: Table, given: Name = None) -> str | None:
    """The column of the rows' times, if there is one: that of the given name, of a usual one, else by its values."""
    found = table.find(given, TIME_NAMES, "time", "data.reader.time_column")
    found = found or next(filter(is_time_name, table.header), None)
    if found is not None:
        return found
    clocks = [name for name in clock_columns(table, _number_columns(table)) if not is_clock_name(name)]
    steps = {name: np.diff(table_columns(_begin(table), [name])[:, 0]) for name in clocks}
    return next((name for name in clocks if (steps[name] != 1).any()), None)


def clock_columns(table: Table, numbers: Sequence[str], *, recording: str | None = None) -> list[str]:
    """Those of the columns of numbers that time or number the rows; `recording` is the column that names recordings."""
    begin = _begin(table)
    recording = recording or table.find(None, ID_NAMES, "", "")
    names = begin.column(recording) if recording is not None else []
    starts = [row for row in range(1, len(names)) if names[row] != names[row - 1]]
    clocks = []
    for name in numbers:
        with suppress(UserError):  # what is no number is told to the user where the column is read
            values = np.empty(0) if is_clock_name(name) else table_columns(begin, [name])[:, 0]
            if is_clock(name, values, starts, first=name == table.header[0]):
                clocks.append(name)
    return clocks


def _begin(table: Table) -> Table:
    """The first rows, by which columns are known."""
    return Table(table.file, table.header, table.body[:_SAMPLE])


def _number_columns(table: Table, exclude: Sequence[str] = ()) -> list[str]:
    """The columns of numbers, times among them, that are not called as labels, recordings, groups and splits are."""
    sample = list(table.body[:50])
    found = []
    for place, name in enumerate(table.header):
        said = [cells[place] for cells in sample if place < len(cells) and not is_missing(cells[place])]
        if name in exclude or name.lower() in _NO_FEATURES:
            continue
        if is_numeral(said[0].strip()) if said else not is_blank(table, name):
            found.append(name)
    return found


def is_blank(table: Table, name: str) -> bool:
    """Whether a column holds nothing at all."""
    return all(map(is_missing, table.column(name)))


class FurtherColumns:
    """The columns of numbers that tables have beyond those of the first, which says what is read."""

    def __init__(self) -> None:
        self.first, self.known, self.found = "", set[str](), Counter[str]()

    def add(self, table: Table) -> None:
        """Takes note of one more table's columns."""
        if not self.first:
            self.first, self.known = table.file.name, {name for name in table.header if not is_blank(table, name)}
        self.found.update(name for name in _number_columns(table) if name not in self.known)

    def notes(self) -> list[str]:
        """What is not used, in words."""
        listed = ", ".join(f"'{name}' ({counted(number, 'table')})" for name, number in self.found.items())
        return [f"columns: {listed} not used, because {self.first} has no such numbers"] if listed else []


def _described(table: Table, name: str, clocks: Sequence[str]) -> str:
    why = " (times or numbers the rows)" if name in clocks else " (empty)" if is_blank(table, name) else ""
    return f"{name or '(no name)'}{why}"
