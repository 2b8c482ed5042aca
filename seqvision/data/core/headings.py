"""The names of a table's columns: of one heading row, or of several, as DeepLabCut and pandas write them."""

from itertools import islice

from seqvision.data.core.numerals import is_missing, is_number, is_numeral
from seqvision.data.core.tables import Rows, shown
from seqvision.errors import UserError

_MOST = 6  # heading rows
_SAMPLE = 30


def named_columns(rows: Rows) -> tuple[tuple[str, ...], Rows]:
    """(the names of the columns, the rows below the heading).

    Of several heading rows above numbers, the first gives the names where it names each column differently (units
    below it are passed over); else those of its levels that vary are joined: `nose_x`. A first column without a name,
    of frame numbers or of the rows' names, is called "".

    Raises:
        UserError: for a table without names, with a name that is there twice, or without rows.
    """
    sample = [[cell.strip() for cell in row] for row in islice(rows, _SAMPLE)]
    count = _headings(sample)
    names = sample[0] if count == 1 else _joined(sample[:count])
    if count > 1 and len(sample) > count and sample[count][0] and not any(sample[count][1:]):
        count += 1  # pandas's name of the index
    if count == 1 and _has_row_names(sample):
        names = ["", *names]
    if len(rows) > 1 and count == 1 and all(map(is_number, names)) and not _counts_up(names):
        raise UserError(
            f"{rows.where(0)}: the first row holds numbers only ({shown(names)}), expected the names of the columns. "
            "Write them into a first row."
        )
    names = [name or (f"column {place + 1}" if place else "") for place, name in enumerate(names)]
    double = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if double is not None:
        raise UserError(f"{rows.file.name}: two columns are called '{double}'. Give each column a name of its own.")
    if len(rows) <= count:
        raise UserError(f"{rows.file.name}: a header ({shown(names)}) and no rows. Copy the file again, or remove it.")
    return tuple(names), rows[count:]


def _headings(sample: list[list[str]]) -> int:
    """The number of heading rows: those without a number in all columns that hold numbers below."""
    width = len(sample[0])
    below = sample[1:][-max(1, len(sample) - _MOST) :]
    if not below or any(len(row) != width for row in sample):
        return 1
    numeric = [
        place
        for place in range(width)
        if any(is_numeral(row[place]) for row in below)
        and all(is_numeral(row[place]) or is_missing(row[place]) for row in below)
    ]
    if len(numeric) < 2:
        return 1  # a single cell that is no number is a slip, not a heading
    for count, row in enumerate(sample[1:_MOST], start=1):
        words = [row[place] for place in numeric if any(map(str.isalpha, row[place])) and not is_missing(row[place])]
        if 2 * len(words) < len(numeric) or any(is_numeral(row[place]) for place in numeric):
            return count
    return 1


def _joined(headings: list[list[str]]) -> list[str]:
    """One name for each column of several heading rows."""
    if len(set(headings[0])) == len(headings[0]):
        return headings[0]
    levels = [_filled(row) if level < len(headings) - 1 else row for level, row in enumerate(headings)]
    varying = [row for row in levels if len(set(row[1:])) > 1]
    return ["", *("_".join(filter(None, parts)) for parts in zip(*(row[1:] for row in varying), strict=True))]


def _filled(row: list[str]) -> list[str]:
    """The names with blank ones as the name to their left, as spreadsheets write a name over several columns."""
    filled: list[str] = []
    for name in row:
        filled.append(name or (filled[-1] if filled else ""))
    return filled


def _has_row_names(sample: list[list[str]]) -> bool:
    """Whether each row has one cell more than the heading, its first one a name or number of its own, as R writes."""
    below = sample[1:]
    first = [row[0] for row in below if row]
    return len(below) > 1 and all(len(row) == len(sample[0]) + 1 for row in below) and len({*first}) == len(below)


def _counts_up(names: list[str]) -> bool:
    """Whether the names are 0, 1, 2, … or 1, 2, 3, …, as programs number columns."""
    return any(names == [str(place + start) for place in range(len(names))] for start in (0, 1))
