"""Delimited tables as rows of cells, by the rules of the standard library's `csv`: the one reader of them.

A row ends at a line feed outside quotes and nowhere else. In tables cut at tabs or bars, which many programs write
without quoting, a quote that does not enclose a whole cell is text; in others it is an error, as in strict `csv`.
"""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from seqvision.data.core.faults import fault
from seqvision.data.core.numerals import is_number
from seqvision.data.core.text import read_text, text_begin
from seqvision.errors import UserError

DELIMITERS = ",;\t|"
_SAMPLE = 20  # rows by which delimiters are told apart
_SEPARATOR = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)  # the line that Excel writes and takes
_COMMENTS = re.compile(r"(?:[ \t]*\n|(?:#|%|//)[^\n]*\n)*")
_QUOTED = re.compile(r'(\A|[,;\t|\n]) *"[^"]*(?:""[^"]*)*" *(?=[,;\t|\n]|\Z)')
_LOOSE = "\t|"  # what programs cut with that write without quoting

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # one for the whole process: a long text is no damage


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table without blank lines: as lines where each is one, which are cut when they are asked for, else
    as cells.

    numbers: the number in the file of each row's first line. quoted: whether some of the lines have quotes. even_lines:
    whether these have as many cells each, without spaces before them.
    """

    file: Path
    delimiter: str
    numbers: Sequence[int]
    lines: Sequence[str] | None = None
    cells: Sequence[list[str]] | None = None
    quoted: bool = False
    even_lines: bool = False

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[list[str]]:
        if self.cells is not None:
            return iter(self.cells)
        assert self.lines is not None
        if self.quoted:
            return _reader(self.lines, self.delimiter, strict=True)
        return csv.reader(self.lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, skipinitialspace=True)

    def __getitem__(self, part: slice) -> "Rows":
        lines = None if self.lines is None else self.lines[part]
        cells = None if self.cells is None else self.cells[part]
        return replace(self, numbers=self.numbers[part], lines=lines, cells=cells)

    def where(self, place: int) -> str:
        """A row as messages name it."""
        return f"{self.file.name} row {self.numbers[place]}"

    def even(self, names: Sequence[str], advice: str) -> Iterator[tuple[int, list[str]]]:
        """Each row's line number and as many cells as there are names; blank cells beyond them are dropped.

        Raises UserError, with what to do, for the first row with too few or too many.
        """
        width = len(names)
        for number, cells in zip(self.numbers, self, strict=True):
            if len(cells) != width and (len(cells) < width or any(map(str.strip, cells[width:]))):
                fault(
                    UserError(
                        f"{self.file.name} row {number}: {len(cells)} fields, expected {width} ({shown(names)}). "
                        f"{advice}"
                    )
                )
                continue
            yield number, cells if len(cells) == width else cells[:width]

    def filled(self) -> "Rows":
        """The rows without those whose cells are all blank, as spreadsheets leave them below a table."""
        places = [place for place, cells in enumerate(self) if any(map(str.strip, cells))]
        if len(places) == len(self):
            return self
        lines = None if self.lines is None else [self.lines[place] for place in places]
        cells = None if self.cells is None else [self.cells[place] for place in places]
        return replace(self, numbers=[self.numbers[place] for place in places], lines=lines, cells=cells)


def read_rows(file: Path, *, encoding: str | None = None, delimiter: str | None = None, raw: bool = False) -> Rows:
    """The rows of a table, the heading among them, without comments above it and without blank columns at its end.

    Args:
        delimiter: what separates cells; by default a `sep=` line's, a tab in .tsv and .txt, else as `find_delimiter`.
        raw: quotes that no cell needs are text, as in tables that were written without quoting.

    Raises:
        UserError: for a file that is missing, no text or without any row, and for a quote that does not close, by row.
    """
    if not file.is_file():
        raise UserError(f"{file}: there is no such file. Correct its name.")
    text = read_text(file, encoding)
    text, above, delimiter = _table_in(text, file, delimiter)
    rows = _trimmed(cut_rows(text, file, delimiter, above, raw=raw))
    if not any(any(map(str.strip, cells)) for cells in rows):
        raise UserError(f"{file}: holds no row but blank ones. Copy it again, or name another file.")
    return rows


def first_rows(file: Path, count: int = 1) -> list[list[str]]:
    """The cells of a table's first rows, whatever its encoding, to recognise tables by; none where there is no text."""
    begin = text_begin(file, 1 << 16)
    text, _, delimiter = _table_in(begin[: begin.rfind("\n") + 1] or begin, file, None)
    try:
        return [[cell.strip() for cell in row] for row in islice(filter(None, _reader(text, delimiter)), count)]
    except csv.Error:
        return []


def find_delimiter(begin: str) -> str:
    """What separates a table's cells, outside quotes: what cuts its first rows into as many cells each, else its first
    row into most."""
    begin = _QUOTED.sub(r'\1""', begin)
    widths: dict[str, list[int]] = {}
    for mark in DELIMITERS:
        rows = [len(row) for row in islice(filter(None, _reader(begin, mark)), _SAMPLE)]
        if rows and rows[0] > 1:
            widths[mark] = rows
    return max(widths, key=lambda mark: (len(set(widths[mark])) == 1, widths[mark][0]), default=",")


def shown(names: Sequence[str]) -> str:
    """The names of columns as messages list them."""
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:8])}, … {names[-1]}: {len(names)} columns"


def _table_in(text: str, file: Path, delimiter: str | None) -> tuple[str, int, str]:
    """The text of the table in a file, the number of lines above it, and what separates its cells.

    A line that begins as comments do, but has as many cells as the table, belongs to it: a row, or, above numbers, the
    heading as NumPy writes it.
    """
    begin = said.end() if (said := _SEPARATOR.match(text)) else 0
    if delimiter is None and said:
        delimiter = said[1]
    elif delimiter is None and Path(file.name.lower().removesuffix(".gz")).suffix in (".tsv", ".txt"):
        delimiter = "\t"
    comments = _COMMENTS.match(text, begin)
    table = comments.end() if comments and comments.end() < len(text) else begin
    delimiter = delimiter or find_delimiter(text[table : table + (1 << 16)])
    first = _cells(text[table : text.find("\n", table) + 1 or None], delimiter)
    numbers = all(map(is_number, first))
    while table > begin:
        start = text.rfind("\n", begin, table - 1) + 1 or begin
        cells = _cells(text[start:table], delimiter)
        if len(cells) < 2 or len(cells) != len(first):
            break
        table = start
        if numbers:
            text = text[:start] + re.sub(r"^(#|%|//) *", "", text[start:])
            break
    return text[table:], text.count("\n", 0, table), delimiter


def _cells(line: str, delimiter: str) -> list[str]:
    return next(_reader(line, delimiter), [])


def _reader(text: str | Sequence[str], delimiter: str, *, strict: bool = False) -> "csv._reader":
    lines = io.StringIO(text, newline="") if isinstance(text, str) else text
    # spaces before a cell's quotes are gone already where quotes were looked into
    skip = not (strict and delimiter in _LOOSE)
    return csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=skip)


def cut_rows(text: str, file: Path, delimiter: str, above: int = 0, *, raw: bool = False) -> Rows:
    """The rows of a text that begins `above` lines below the beginning of the file; `raw` as in `read_rows`."""
    text = _plain_heading(text, delimiter)
    if '"' not in text:
        lines = text.removesuffix("\n").split("\n")
        if all(lines) and not any(map(str.isspace, lines)):
            return Rows(file, delimiter, range(above + 1, above + len(lines) + 1), lines)
        numbered = [(number, line) for number, line in enumerate(lines, start=above + 1) if line.strip()]
        return Rows(file, delimiter, [number for number, _ in numbered], [line for _, line in numbered])
    if delimiter in _LOOSE:
        text = _lone_quotes_as_text(text, delimiter, raw=raw)
    rows = _in_lines(text, file, delimiter, above)
    if rows is not None:
        return rows
    numbers: list[int] = []
    cells: list[list[str]] = []
    reader = _reader(text, delimiter, strict=True)
    begun = above + 1
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                numbers.append(begun)
                cells.append(row)
            begun = above + reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{file.name} row {begun}: not valid CSV ({error}). "
            'A quote that opens must close, and a quote inside quotes is written twice ("").'
        ) from None
    return Rows(file, delimiter, numbers, cells=cells)


def _in_lines(text: str, file: Path, delimiter: str, above: int) -> Rows | None:
    """The rows of a text with quotes, if each is a line."""
    lines = text.removesuffix("\n").split("\n")
    with suppress(csv.Error):
        reader = _reader(lines, delimiter, strict=True)
        widths = Counter(map(len, reader))
        if widths.total() == reader.line_num == len(lines):
            kept = [(number, line) for number, line in enumerate(lines, start=above + 1) if line.strip()]
            numbers, lines = [number for number, _ in kept], [line for _, line in kept]
            even = len(widths.keys() - {0}) == 1 and not any(f'{delimiter} "' in line for line in lines)
            return Rows(file, delimiter, numbers, lines, quoted=True, even_lines=even)
    return None


def _plain_heading(text: str, delimiter: str) -> str:
    """The text with its first row unquoted where only that has quotes: numbers below it are then cut at once."""
    first, end, rest = text.partition("\n")
    if '"' not in first or '"' in rest:
        return text
    try:
        cells = next(csv.reader([first], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        return text
    if any(delimiter in cell or '"' in cell for cell in cells):
        return text
    return delimiter.join(cells) + end + rest


def _lone_quotes_as_text(text: str, delimiter: str, *, raw: bool) -> str:
    """The text with quotes around each cell that begins with a quote, but that none of its quotes closes.

    A cell of several lines each of which is a whole row, by its number of delimiters, is no cell but begins with a lone
    quote.
    """
    ends = f"[{delimiter}\n]"
    opening_quote = re.compile(rf'(?:\A|(?<={ends})) *"')
    # the lookahead is matched once and never tried again, so that no quote is passed more than twice
    enclosed = re.compile(rf'(?=([^"]*(?:""[^"]*)*))\1" *(?={ends}|\Z)')
    whole_cell = re.compile(f"[^{delimiter}\n]*")
    tabs = text.partition("\n")[0].count(delimiter)
    parts, at = [], 0
    while opening := opening_quote.search(text, at):
        parts.append(text[at : opening.start()])
        cell = enclosed.match(text, opening.end())
        if cell and raw and not any(mark in cell[1] for mark in ('""', delimiter, "\n")):
            cell = None
        if cell and tabs and "\n" in cell[1]:
            stop = text.find("\n", cell.end())
            lines = text[text.rfind("\n", 0, opening.start() + 1) + 1 : stop if stop >= 0 else len(text)].split("\n")
            cell = None if all(line.count(delimiter) == tabs for line in lines) else cell
        if cell:
            parts.append(f'"{cell[1]}"')
            at = cell.end()
        else:
            lone = whole_cell.match(text, opening.end())
            assert lone is not None
            inner = lone[0].replace('"', '""')
            parts.append(f'"""{inner}"')
            at = lone.end()
    return "".join([*parts, text[at:]])


def _trimmed(rows: Rows) -> Rows:
    """The rows without the columns at the end that are blank in all of them, heading included."""
    if len(rows) < 2:
        return rows
    end = rows.delimiter
    if rows.lines is not None:
        lines = rows.lines
        while all(line.endswith(end) for line in lines) and lines[0].strip(end):
            lines = [line.removesuffix(end) for line in lines]
        return rows if lines is rows.lines else replace(rows, lines=lines)
    cells = rows.cells or []
    while all(len(row) > 1 and not row[-1].strip() for row in cells):
        cells = [row[:-1] for row in cells]
    return rows if cells is rows.cells else replace(rows, cells=cells)
