"""Frames that are rows of numbers: NumPy files, tables of text, arrays in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seqvision.data.core.arrays import expect_memory
from seqvision.data.core.clocks import SECONDS, frame_rate
from seqvision.data.core.numerals import is_missing, is_numeral
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.readers.numbers import (
    FurtherColumns,
    cached_columns,
    cached_table,
    feature_columns,
    find_layout,
    interpolated,
    open_features,
    time_column,
)
from seqvision.data.sequences.records import SequenceRecord, Source
from seqvision.errors import UserError
from seqvision.names import Name, text_of

LAYOUTS = ("auto", "features_first", "time_first")
ON_NAN = ("error", "zero", "interpolate")


@dataclass(frozen=True)
class FeatureReader(FrameReader):
    """Features (time, features) as float32, from a .npy file, a .csv or .tsv with a header, or an array (time, …).

    layout       which axis of a .npy file is which: "features_first" (D x T, as MS-TCN has it), "time_first" (T x D);
                 "auto": decided by `fitted` from the lengths of labels, or from the axis that is the same in all files;
                 where only tables were fitted, by which axis has as many as they have columns
    columns      of a table; by default all with numbers in them but labels, names of recordings, and clocks
    exclude      columns to leave out besides
    on_nan       what to do with NaN and infinity: "error", "zero", or "interpolate" between the frames around them
    relative     each feature relative to its mean and deviation in the whole file: where people or cameras differ
                 more than what happens does. Not for live use: the mean is not known before the end. "auto": as
                 `settle_relative` finds it in the training recordings; until then as if false
    frame_rate   frames a second; by default from a table's time column, else unknown
    time_column, time_unit   the column, and its unit: s, ms, us, ns, min, h; "auto": by its name, its size or its steps
    features     how many there are in every frame: learnt by `fitted`, then held against every file

    A .npy file is mapped into memory, so that a stretch of a long one costs no more than the stretch. Pickled objects
    are refused and never opened.
    """

    adjustable: ClassVar[frozenset[str]] = frozenset(
        {"layout", "columns", "exclude", "on_nan", "frame_rate", "time_column", "time_unit", "encoding"}
    )

    layout: str = "auto"
    columns: Sequence[Name] | None = None
    exclude: Sequence[Name] = ()
    on_nan: str = "error"
    relative: bool | str = False
    frame_rate: int | float | None = None
    time_column: Name = None
    time_unit: str = "auto"
    encoding: str = "utf-8"
    features: int | None = None
    notes: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, known in (("layout", LAYOUTS), ("on_nan", ON_NAN), ("time_unit", ("auto", *SECONDS))):
            if getattr(self, name) not in known:
                raise UserError(f"data.reader.{name} is '{getattr(self, name)}', expected one of {', '.join(known)}")
        if not isinstance(self.relative, bool) and self.relative != "auto":  # 1 would pass for true, and be none
            raise UserError(f"data.reader.relative is '{self.relative}', expected true, false or auto")
        if self.frame_rate is not None and not 0 < self.frame_rate < float("inf"):
            raise UserError(f"data.reader.frame_rate is {self.frame_rate}, expected frames a second, above 0")
        if self.columns is not None:
            if not self.columns:
                raise UserError("data.reader.columns is empty: name one column or more, or write null for all numbers.")
            object.__setattr__(self, "columns", tuple(map(text_of, self.columns)))
        object.__setattr__(self, "exclude", tuple(map(text_of, self.exclude)))

    def read(self, source: Source, start: int = 0, stop: int | None = None) -> Float[Tensor, "time features"]:
        values, name, rows, columns = self._open(source)
        if self.features is not None and values.shape[1] != self.features:
            raise UserError(self._other_number(source, name, values.shape[1]))
        if not len(values):
            raise UserError(f"{name}: no frames in it. Copy the file again, or leave it out.")
        advice = "Read it in windows (data.window), or store fewer frames a file."
        expect_memory(name, values[start:stop].size * 4, advice)
        part = _float32(values[start:stop])
        if not np.isfinite(part).all():
            part = self._mended(part, values, slice(start, stop), name, rows, columns)
        return torch.from_numpy(_relative(part, values) if self.relative is True else part)

    def length(self, source: Source) -> int:
        return len(self._open(source)[0])

    def rate(self, source: Source) -> float | None:
        if self.frame_rate is not None:
            return float(self.frame_rate)
        if isinstance(source, np.ndarray) or Path(source).suffix.lower() == ".npy":
            return None
        timed = self._timed(Path(source))
        return None if timed is None else timed[1]

    def _timed(self, path: Path) -> tuple[str, float, str] | None:
        """(the column of the times, frames per second, the unit of the times) of a table that has times."""
        table = cached_table(path, self.encoding)
        column = time_column(table, self.time_column)
        if column is None or len(table) < 2:
            return None
        cells = table.column(column)
        numbers = all(is_missing(cell) or is_numeral(cell) for cell in cells[:50])
        values = cached_columns(path, (column,), self.encoding)[:, 0] if numbers else None
        found = frame_rate(column, cells, values, self.time_unit)
        if found is None and (numbers or self.time_column is not None):
            wrong = "do not grow" if numbers else f"are no numbers and no dates ('{cells[0]}')"
            raise UserError(
                f"{table.file.name}: the times in column '{column}' {wrong}, so they give no frame rate. Set "
                "data.reader.frame_rate, or another data.reader.time_column."
            )
        return None if found is None else (column, *found)

    def fitted(self, sources: Iterable[Source], lengths: Sequence[int] | None = None) -> "FeatureReader":
        """This reader with the layout, the columns and the number of features that these sources have in common.

        lengths: how many labels each source has, about, which tells time from features where the layout is "auto".
        """
        sources = list(sources)
        if not sources:
            raise UserError("no sources of features to read. Correct data.path.")
        paths = [Path(source) for source in sources if not isinstance(source, np.ndarray)]
        arrays = [path for path in dict.fromkeys(paths) if path.suffix.lower() == ".npy"]
        tables = [path for path in paths if path.suffix.lower() in (".csv", ".tsv")]
        layout, columns, notes = self.layout, self.columns, []
        if arrays and layout == "auto":
            of = dict(zip(paths, lengths, strict=True)) if lengths and len(paths) == len(sources) else None
            shapes = {str(path): open_features(path).shape for path in arrays}
            layout, why = find_layout(shapes, [of[path] for path in arrays] if of else None)
            notes.append(f"features: data.reader.layout={layout}, because {why}")
        if tables and columns is None:
            columns, left_out = feature_columns(cached_table(tables[0], self.encoding), self.exclude)
            listed = ", ".join(columns[:3]) + (f", … {columns[-1]}" if len(columns) > 3 else "")
            notes.append(
                f"features: {len(columns)} columns ({listed}) of {tables[0].name}; not used: "
                f"{', '.join(left_out) or 'none'} (data.reader.columns, data.reader.exclude)"
            )
            notes += self._time_notes(tables[0])
        settled = replace(self, layout=layout, columns=columns, features=None, notes=tuple(notes))
        first: tuple[int, str] | None = None
        further = FurtherColumns()
        opened: set[Path | str] = set()
        for source in sources:
            if not isinstance(source, np.ndarray):
                if source in opened:  # one file may hold many sequences
                    continue
                opened.add(source)
            values, name, rows, _ = settled._open(source)
            first = first or (values.shape[1], name)
            if rows and self.columns is None and not isinstance(source, np.ndarray):
                further.add(cached_table(Path(source), self.encoding))
            if values.shape[1] != first[0]:
                raise UserError(
                    f"{name} has {values.shape[1]} features, {first[1]} has {first[0]}: every frame of every recording "
                    "needs the same. Correct the file; with other axes set data.reader.layout."
                )
        assert first is not None
        return replace(settled, features=first[0], notes=(*notes, *further.notes()))

    def _time_notes(self, path: Path) -> list[str]:
        """What gives the frame rate, in words."""
        try:
            timed = None if self.frame_rate is not None else self._timed(path)
        except UserError:
            return []  # said where somebody asks for the rate
        if timed is None:
            return []
        return [f"time: column '{timed[0]}' in {timed[2]}, {timed[1]:.4g} frames per second (data.reader.time_unit)"]

    @property
    def frame_shape(self) -> tuple[int, ...]:
        if self.features is None:
            raise UserError("the number of features is not known before the reader was fitted to some sources")
        return (self.features,)

    def settings(self) -> dict[str, Any]:
        held = {name: value for name, value in asdict(self).items() if name != "notes"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in held.items()}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "FeatureReader":
        return cls(**settings)

    def _open(self, source: Source) -> tuple[np.ndarray, str, Sequence[int], Sequence[str]]:
        """The values (time, features), a name for messages, and, of a table, its rows' numbers and its columns."""
        if isinstance(source, np.ndarray):
            if source.ndim != 2:
                raise UserError(f"an array {source.shape}: expected (time, features)")
            return source, "an array", (), ()
        path = Path(source)
        if path.suffix.lower() == ".npy":
            return self._oriented(open_features(path), path), path.name, (), ()
        if path.suffix.lower() not in (".csv", ".tsv"):
            raise UserError(f"{path}: '{path.suffix}' files hold no features that are read. Use .npy, .csv or .tsv.")
        table = cached_table(path, self.encoding)
        columns = (
            tuple(map(text_of, self.columns)) if self.columns is not None else feature_columns(table, self.exclude)[0]
        )
        return cached_columns(path, columns, self.encoding), path.name, table.numbers, columns

    def _oriented(self, array: np.ndarray, path: Path) -> np.ndarray:
        if array.ndim == 1:
            return array[:, None]
        layout = self.layout
        if layout == "auto" and self.features in array.shape and array.shape[0] != array.shape[1]:
            # trained on tables, say: their number of columns tells the axes apart
            layout = "time_first" if array.shape[1] == self.features else "features_first"
        if layout == "auto":
            expected = f", of which training had {self.features}" if self.features is not None else ""
            raise UserError(
                f"{path.name}: {array.shape[0]} x {array.shape[1]}, and nothing tells frames from features{expected}. "
                "Set data.reader.layout=features_first or time_first."
            )
        return array.T if layout == "features_first" else array

    def _other_number(self, source: Source, name: str, found: int) -> str:
        message = f"{name}: {found} features in every frame, expected {self.features} as in training."
        if not isinstance(source, np.ndarray) and Path(source).suffix.lower() == ".npy":
            shape = open_features(Path(source)).shape
            message += f" The file is {' x '.join(map(str, shape))}, read as {self.layout}"
            if self.features in shape:
                return f"{message}: its axes are swapped. Save its transpose."
            message += "."
        return f"{message} Make the features as they were made for training."

    def _mended(
        self,
        part: np.ndarray,
        values: np.ndarray,
        window: slice,
        name: str,
        rows: Sequence[int],
        columns: Sequence[Name],
    ) -> np.ndarray:
        """The window without NaN and infinity, or the error that names the first."""
        if self.on_nan == "zero":
            return np.where(np.isfinite(part), part, np.float32(0))
        if self.on_nan == "interpolate":
            # over the whole recording, so that a window has the numbers that one pass has
            return interpolated(_float32(values))[window]
        frame, feature = map(int, np.argwhere(~np.isfinite(part))[0])
        at = frame + (window.start or 0)
        where = f"row {rows[at]}, column '{columns[feature]}'" if rows else f"frame {at}, feature {feature} (from 0)"
        found = "no number (empty or nan)" if np.isnan(part[frame, feature]) else "infinity, or too large for float32"
        raise UserError(
            f"{name} {where}: {found}; {int((~np.isfinite(part)).sum())} of {part.size} values read are such. Correct "
            "the file, or set data.reader.on_nan=interpolate (between the frames around) or zero."
        )


def fit_reader(reader: FrameReader, records: Sequence[SequenceRecord]) -> FrameReader:
    """The reader fitted to the records' sources; of features, with the help of how many labels each has."""
    if not isinstance(reader, FeatureReader):
        return reader.fitted(record.source for record in records)
    ends: dict[Path | str, int] = {}
    for record in records:
        if record.labels is None or isinstance(record.source, np.ndarray):
            return reader.fitted(record.source for record in records)
        end = record.span[1] if record.span else len(record.labels)
        ends[record.source] = max(end, ends.get(record.source, 0))
    return reader.fitted(ends, list(ends.values()))


def unsaid_notes(reader: FrameReader, said: Sequence[str]) -> list[str]:
    """What a fitted reader takes for features and for time, in words, where the notes of a set do not say it yet."""
    kinds = {note.partition(":")[0] for note in said}
    notes = reader.notes if isinstance(reader, FeatureReader) else ()
    return [note for note in notes if note.partition(":")[0] not in kinds]


def _float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is too large becomes infinity, which is told to the user
        return np.array(values, dtype=np.float32, order="C")


def _relative(part: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The part in deviations from the mean of all values; a feature that never varies is 0."""
    every = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    if np.isnan(every).all(axis=0).any():  # a feature that is nowhere a number was mended to one number throughout
        every = np.nan_to_num(every)
    mean, deviation = np.nanmean(every, axis=0), np.nanstd(every, axis=0)
    return ((part - mean) / np.where(deviation > 1e-5, deviation, 1.0)).astype(np.float32)
