"""A table of text, one row per frame: its columns by name, and where a row stands in the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path

from seqvision.data.core.headings import named_columns
from seqvision.data.core.numerals import is_unmistakable
from seqvision.data.core.tables import Rows, read_rows, shown
from seqvision.data.formats.rows import did_you_mean
from seqvision.errors import UserError
from seqvision.names import Name, meant, text_of

# Usual names, in lower case; plain "x", "y" and "t" are left out, for they are as often measurements.
LABEL_NAMES = ("label", "labels", "phase", "class", "action", "activity", "behaviour", "behavior", "state", "target")
TIME_NAMES = ("timestamp", "time", "seconds", "time_s", "time_ms")
FRAME_NAMES = ("frame", "frames", "frame_number", "frame_index", "index", "")
ID_NAMES = ("id", "recording", "sequence", "sequence_id", "file", "video", "clip", "session")
GROUP_NAMES = ("group", "subject", "person", "animal", "user")
SPLIT_NAMES = ("split", "subset", "partition")


@dataclass(frozen=True, eq=False)
class Table:
    """A table's column names, and the rows below them."""

    file: Path
    header: tuple[str, ...]
    body: Rows
    _columns: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.body)

    @property
    def numbers(self) -> Sequence[int]:
        """Where each row stands in the file."""
        return self.body.numbers

    def where(self, place: int) -> str:
        """A row as messages name it."""
        return self.body.where(place)

    def rows(self) -> Iterator[list[str]]:
        """Each row's cells; a UserError for a row with too few or too many."""
        advice = "The file may be cut off; copy it again, or correct the row."
        return map(itemgetter(1), self.body.even(self.header, advice))

    @cached_property
    def decimal_comma(self) -> bool:
        """Whether the table's numbers have decimal commas: some cell with a comma can mean nothing else."""
        return any(is_unmistakable(cell) for row in self.body for cell in row if "," in cell)

    def column(self, name: str) -> list[str]:
        """The cells of one column, without space around them."""
        if name not in self._columns:
            place = self.header.index(name)
            self._columns[name] = [cells[place].strip() for cells in self.rows()]
        return self._columns[name]

    def find(self, given: Name, usual: Sequence[str], what: str, option: str) -> str | None:
        """The column of the given name, which must be there, else of one of the usual names, else None."""
        if given is not None:
            found = meant(given, self.header)
            if found:
                return found[0]
            raise UserError(
                f"{self.file.name}: no column '{text_of(given)}' for the {what} (found: {shown(self.header)})"
                f"{did_you_mean(text_of(given), self.header)}. Correct {option}."
            )
        plain = {name.lower(): name for name in reversed(self.header)}
        return next((plain[name] for name in usual if name in plain), None)

    def need(self, given: Name, usual: Sequence[str], what: str, option: str) -> str:
        """The column of the given name, else of one of the usual names."""
        found = self.find(given, usual, what, option)
        if found is None:
            raise UserError(
                f"{self.file.name}: no column for the {what} (found: {shown(self.header)}; usual names: "
                f"{', '.join(name for name in usual if name)}). Name it with {option}=COLUMN."
            )
        return found


def read_table(file: Path, *, encoding: str | None = None) -> Table:
    """A CSV or TSV with a heading; see `read_rows` and `named_columns`."""
    rows = read_rows(file, encoding=encoding)
    names, body = named_columns(rows)
    return Table(file, names, body)
