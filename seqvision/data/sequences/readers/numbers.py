"""Numbers out of files: .npy without unpickling, columns of tables; each way of being broken has its UserError."""

import csv
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.formats.table import (
    FRAME_NAMES,
    GROUP_NAMES,
    ID_NAMES,
    LABEL_NAMES,
    SPLIT_NAMES,
    TIME_NAMES,
    Table,
    is_number,
    read_table,
)
from seqvision.errors import UserError

_NO_FEATURES = {*LABEL_NAMES, *TIME_NAMES, *FRAME_NAMES, *ID_NAMES, *GROUP_NAMES, *SPLIT_NAMES}
_NEAR = 0.3  # of the labels' number: training blocks of a file may end that much before the file does
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}


def open_npy(file: Path) -> np.ndarray:
    """The array of numbers, (time,) or with two axes, in a .npy file, mapped into memory and not read."""
    if not file.is_file():
        raise UserError(f"{file}: there is no such file. Correct its name.")
    size = file.stat().st_size
    if not size:
        raise UserError(f"{file}: the file is empty (0 bytes). Copy it again, or leave it out.")
    try:
        with open(file, "rb") as opened:
            version = np.lib.format.read_magic(opened)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(opened)
            begins = opened.tell()
    except (ValueError, EOFError, SyntaxError) as error:
        raise UserError(f"{file}: not a NumPy file, or cut off ({error}). Copy it again, or write it anew.") from None
    if dtype.hasobject:
        raise UserError(
            f"{file}: holds Python objects, which are not opened, for they can run code. Write plain numbers with "
            "np.save(file, np.asarray(features, dtype='float32'))."
        )
    if dtype.kind not in "fiub":
        raise UserError(f"{file}: holds {dtype}, expected numbers. Write them with np.save(file, features).")
    expected = begins + int(np.prod(shape)) * dtype.itemsize
    if size < expected:
        raise UserError(f"{file}: cut off, {size} of {expected} bytes are there. Copy it again.")
    if len(shape) not in (1, 2):
        raise UserError(f"{file}: an array {shape}, expected two axes, time and features.")
    if 0 in shape:
        return np.empty(shape, dtype)  # nothing to map
    return np.load(file, mmap_mode="r", allow_pickle=False)


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


def table_columns(table: Table, columns: Sequence[str]) -> np.ndarray:
    """The numbers (time, columns) in these columns; NaN where a cell is empty."""
    for name in columns:
        if name not in table.header:
            found = ", ".join(table.header[:12]) + (", …" if len(table.header) > 12 else "")
            raise UserError(
                f"{table.file.name}: no column '{name}' (found: {found}){did_you_mean(name, table.header)}. Every "
                "recording needs the same columns; correct the file or data.reader.columns."
            )
    places = [table.header.index(name) for name in columns]
    separators = len(table.header) - 1
    if all(line.count(table.delimiter) == separators and '"' not in line for line in table.lines):
        try:
            return np.loadtxt(table.lines, delimiter=table.delimiter, usecols=places, comments=None, ndmin=2)
        except ValueError:
            pass  # some cell is empty or no number: the slow way finds out which
    values = np.empty((len(table), len(columns)))
    for row, cells in enumerate(table.rows()):
        for column, place in enumerate(places):
            values[row, column] = _number(cells[place].strip(), table, row, columns[column])
    return values


def _number(cell: str, table: Table, row: int, column: str) -> float:
    if cell.lower() in _MISSING:
        return np.nan
    try:
        return float(cell)
    except ValueError:
        comma = " Write decimals with a point." if cell.replace(",", ".", 1).replace(".", "", 1).isdigit() else ""
        raise UserError(
            f"{table.where(row)}: '{cell}' in column '{column}' is no number.{comma} Correct the row, or leave the "
            f"column out with data.reader.exclude=[{column}]."
        ) from None


def feature_columns(table: Table, exclude: Sequence[str] = ()) -> tuple[tuple[str, ...], list[str]]:
    """The columns that hold features, and those that do not: times, labels, names, and what is not a number."""
    for name in exclude:
        if name not in table.header:
            raise UserError(
                f"{table.file.name}: data.reader.exclude: no column '{name}'{did_you_mean(name, table.header)}. "
                "Correct the entry."
            )
    sample = list(csv.reader(table.lines[:50], delimiter=table.delimiter, skipinitialspace=True))
    used = []
    for place, name in enumerate(table.header):
        cells = [cells[place].strip() for cells in sample if place < len(cells)]
        said = [cell for cell in cells if cell.lower() not in _MISSING]
        if name not in exclude and name.lower() not in _NO_FEATURES and (not said or is_number(said[0])):
            used.append(name)
    if not used:
        raise UserError(
            f"{table.file.name}: no column of numbers (found: {', '.join(table.header)}). Name the features with "
            "data.reader.columns=[…]."
        )
    return tuple(used), [name or "(no name)" for name in table.header if name not in used]
