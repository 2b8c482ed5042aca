"""A table of text, a row a frame: its header, its columns by name, and where a row stands in the file."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqvision.data.core.text import read_text
from seqvision.data.formats.rows import did_you_mean
from seqvision.errors import UserError

# Usual names, in lower case; plain "x", "y" and "t" are left out, for they are as often measurements.
LABEL_NAMES = ("label", "labels", "phase", "class", "action", "activity", "behaviour", "behavior", "state", "target")
TIME_NAMES = ("timestamp", "time", "seconds", "time_s", "time_ms")
FRAME_NAMES = ("frame", "frames", "frame_number", "frame_index", "index", "")
ID_NAMES = ("id", "recording", "sequence", "sequence_id", "file", "video", "clip", "session")
GROUP_NAMES = ("group", "subject", "person", "animal", "user")
SPLIT_NAMES = ("split", "subset", "partition")


@dataclass(frozen=True, eq=False)
class Table:
    """A table's column names, its lines of text without the header and without empty lines, and each line's number."""

    file: Path
    header: tuple[str, ...]
    lines: list[str]
    numbers: list[int]
    delimiter: str
    _columns: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, place: int) -> str:
        """A row as messages name it."""
        return f"{self.file.name} row {self.numbers[place]}"

    def rows(self) -> Iterator[list[str]]:
        """Each row's cells; a UserError for a row with too few or too many."""
        reader = csv.reader(self.lines, delimiter=self.delimiter, skipinitialspace=True)
        for place, cells in enumerate(reader):
            if len(cells) != len(self.header):
                raise UserError(
                    f"{self.where(place)}: {len(cells)} fields, expected {len(self.header)} "
                    f"({_shown(self.header)}). The file may be cut off; copy it again, or correct the row."
                )
            yield cells

    def column(self, name: str) -> list[str]:
        """The cells of one column, without space around them."""
        if name not in self._columns:
            place = self.header.index(name)
            self._columns[name] = [cells[place].strip() for cells in self.rows()]
        return self._columns[name]

    def find(self, given: str | None, usual: Sequence[str], what: str, option: str) -> str | None:
        """The column of the given name, which must be there, else of one of the usual names, else None."""
        if given is not None:
            if given in self.header:
                return given
            raise UserError(
                f"{self.file.name}: no column '{given}' for the {what} (found: {_shown(self.header)})"
                f"{did_you_mean(given, self.header)}. Correct {option}."
            )
        plain = {name.lower(): name for name in reversed(self.header)}
        return next((plain[name] for name in usual if name in plain), None)

    def need(self, given: str | None, usual: Sequence[str], what: str, option: str) -> str:
        """The column of the given name, else of one of the usual names."""
        found = self.find(given, usual, what, option)
        if found is None:
            raise UserError(
                f"{self.file.name}: no column for the {what} (found: {_shown(self.header)}; usual names: "
                f"{', '.join(name for name in usual if name)}). Name it with {option}=COLUMN."
            )
        return found


def read_table(file: Path, *, encoding: str = "utf-8") -> Table:
    """A CSV or TSV with a header: commas, semicolons, tabs or bars separate; old and new ends of lines, with or
    without a byte order mark."""
    if not file.is_file():
        raise UserError(f"{file}: there is no such file. Correct its name.")
    lines = read_text(file, encoding).split("\n")
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    first = numbered[0][1]
    delimiter = "\t" if file.suffix.lower() == ".tsv" else max(",;\t|", key=first.count)
    header = tuple(name.strip() for name in next(csv.reader([first], delimiter=delimiter, skipinitialspace=True)))
    if len(numbered) > 1 and all(map(is_number, header)) and not _counts_up(header):
        raise UserError(
            f"{file.name} row {numbered[0][0]}: the first row holds numbers only ({_shown(header)}), expected the "
            "names of the columns. Write them into a first row."
        )
    double = next((name for place, name in enumerate(header) if name in header[:place]), None)
    if double is not None:
        raise UserError(f"{file.name}: two columns are called '{double}'. Give each column a name of its own.")
    if len(numbered) == 1:
        raise UserError(f"{file.name}: a header ({_shown(header)}) and no rows. Copy the file again, or remove it.")
    return Table(file, header, [line for _, line in numbered[1:]], [number for number, _ in numbered[1:]], delimiter)


def is_number(text: str) -> bool:
    """Whether the text of a cell is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _counts_up(header: Sequence[str]) -> bool:
    """Whether the names are 0, 1, 2, … or 1, 2, 3, …, as programs number columns."""
    return any(list(header) == [str(place + start) for place in range(len(header))] for start in (0, 1))


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:8])}, … {names[-1]}: {len(names)} columns"
