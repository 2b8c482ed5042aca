"""Columns that say when a row was recorded or which one it is: they time and number the rows, and are no features.

They are known by their names, and by values that no measurement has: whole numbers that count each row, or moments
since 1970 that never go back. A measurement that happens to grow is a feature.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from statistics import median

import numpy as np

from seqvision.data.core.numerals import is_missing

_SINCE_1970 = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_LONG = {"min": 60.0, "h": 3600.0}  # only where a name says so
SECONDS = _SINCE_1970 | _LONG
_UNITS = {
    "s": "s sec secs second seconds sekunden",
    "ms": "ms msec msecs milli millis millisecond milliseconds millisekunden",
    "us": "us usec usecs µs μs micro micros microsecond microseconds",
    "ns": "ns nsec nsecs nano nanos nanosecond nanoseconds",
    "min": "min mins minute minutes minuten",
    "h": "h hr hrs hour hours stunde stunden",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_TIMES = "time times timestamp timestamps tstamp datetime uptime elapsed zeit zeitstempel uhrzeit"
_TIME = {*_TIMES.split(), *(word for word, unit in _UNIT_OF.items() if len(word) > 3 and unit not in _LONG)}
_ROWS = "frame frames frameid framenumber frameindex frameno framenr idx index unnamed"
_ROW = {*_ROWS.split()}
# what changes nothing beside these words: `frame_no` and `local time` are clocks, `reaction_time` is a measurement
_QUALIFIERS = """number no nr num n id count counter abs absolute rel relative local global system device sensor host
    since start unix utc gmt epoch posix raw logging log of in the video recording t stamp date"""
_BESIDE = {*_QUALIFIERS.split()}
# names of clocks that are also those of measurements: they need values that grow as a clock's do
_ALSO = "ts clock temps tiempo tempo hora tid tijd czas row rows sample samples step steps i seq"
_PERHAPS = _TIME | _ROW | _BESIDE | {*_ALSO.split()}
_FEW = 10  # values that are too few to tell anything by
_YEARS = (datetime(2000, 1, 1).timestamp(), datetime(2100, 1, 1).timestamp())


def is_clock_name(name: str) -> bool:
    """Whether a column's name says that it holds times or the numbers of frames, and nothing else."""
    words = _words(name)
    return bool(words) and words <= _TIME | _ROW | _BESIDE | _UNIT_OF.keys() and bool(words & (_TIME | _ROW))


def is_time_name(name: str) -> bool:
    """Whether a column's name says that it holds times."""
    return is_clock_name(name) and bool(_words(name) & _TIME)


def is_clock(name: str, values: np.ndarray, starts: Sequence[int] = (), *, first: bool = False) -> bool:
    """Whether a column times or numbers the rows, by its name or by its values.

    Args:
        name: the column's name.
        values: what it holds, (rows,), NaN where nothing is.
        starts: the rows in which further recordings begin, where counting and time may begin anew.
        first: whether it is the table's first column, which may have any name if it grows evenly from 0.
    """
    if is_clock_name(name):
        return True
    if len(values) < _FEW or not np.isfinite(values).all():
        return False
    steps = np.diff(values)
    steps = np.delete(steps, [start - 1 for start in starts if 0 < start < len(values)])
    if not len(steps) or (steps < 0).any() or not steps.any():
        return False
    if (steps == 1).all() and (values == np.floor(values)).all() and not _is_letter(name):
        return True
    if _unit_since_1970(values) is not None:
        return True
    usual = float(np.median(steps))
    off = np.abs(steps - usual)
    if first and len(values) >= 2 * _FEW and values[0] == 0 and off.max() <= 0.01 * usual:
        return True
    return bool(_words(name) & _PERHAPS) and usual > 0 and float((off <= 0.5 * usual).mean()) > 0.9


def frame_rate(
    name: str, cells: Sequence[str], values: np.ndarray | None, unit: str = "auto"
) -> tuple[float, str] | None:
    """(frames per second, the unit of the times) of a column of times; None where they do not grow.

    Args:
        name: the column's name, which may say the unit.
        cells: its text, read as dates where `values` is None.
        values: its numbers (rows,).
        unit: one of `SECONDS`; "auto": what the name says, else what their size says of moments since 1970, else the
            longest in which a frame takes less than five seconds.
    """
    if values is None:
        moments = [_moment(cell) for cell in cells if not is_missing(cell)]
        if len(moments) < 2 or None in moments:
            return None
        step, unit = median(np.diff(np.array(moments, dtype=float)).tolist()), "s"
        return (1 / step, "date and time") if step > 0 else None
    step = float(np.median(np.diff(values)))
    if not step > 0:
        return None
    if unit == "auto":
        named = {_UNIT_OF[word] for word in _words(name) if word in _UNIT_OF}
        known = named.pop() if len(named) == 1 else None
        if known is None or not 1e-4 < 1 / (step * SECONDS[known]) < 1e6:
            known = _unit_since_1970(values)
        unit = known or next((unit for unit, size in _SINCE_1970.items() if step * size < 5), "ns")
    return 1 / (step * SECONDS[unit]), unit


def is_moment(cell: str) -> bool:
    """Whether a cell is a date with a time of day, or a time of day, in the notation of ISO 8601."""
    return _moment(cell) is not None


def _is_letter(name: str) -> bool:
    """Whether the name is a variable's, x or y, which may well be a position that is swept in whole steps."""
    return len(name) == 1 and name.isalpha() and name.lower() not in _PERHAPS


def _moment(cell: str) -> float | None:
    """Seconds since some moment."""
    text = cell.strip()
    if clock := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:[.,]\d+)?)", text):
        hours, minutes, seconds = clock.groups()
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds.replace(",", "."))
    if not re.match(r"\d{4}-?\d\d-?\d\d[ T]\d", text):
        return None
    text = re.sub(r"[.,](\d{1,9})", lambda found: "." + found[1][:6].ljust(6, "0"), text, count=1)
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None


def _words(name: str) -> set[str]:
    """The words of a name in lower case: time, s of `Time (s)`; frame, idx of frameIdx."""
    parted = re.sub(r"(?<=[a-zäöüßµμ])(?=[A-Z])", " ", name)
    return {word for word in re.split(r"[^\wµμ]+|_|(?<=[a-z])(?=\d)|\d+", parted.lower()) if word}


def _unit_since_1970(values: np.ndarray) -> str | None:
    """The unit in which all values are moments of this century, if there is one."""
    for unit, size in _SINCE_1970.items():
        if _YEARS[0] < values.min() * size and values.max() * size < _YEARS[1]:
            return unit
    return None
