"""Whatever says what happens when, read by its kind."""

from pathlib import Path

from seqvision.data.annotations.tables import Annotations, has_segments, read_segment_table
from seqvision.data.formats.rows import first_line
from seqvision.errors import UserError

SUFFIXES = (".csv", ".tsv")


def is_annotation(file: Path) -> bool:
    """Whether a file holds segments, by its ending and, of a table, by its columns."""
    if file.suffix.lower() not in SUFFIXES:
        return False
    line = first_line(file)
    delimiter = "\t" if file.suffix.lower() == ".tsv" else max(",;\t|", key=line.count)
    return has_segments([cell.strip(' "') for cell in line.split(delimiter)])


def read_annotations(file: str | Path, *, unit: str | None = None, encoding: str = "utf-8") -> Annotations:
    """The segments of a file of any kind that is read: a table with a segment a row."""
    file = Path(file)
    if not file.is_file():
        raise UserError(f"{file}: there is no such file. Correct its name.")
    return read_segment_table(file, unit=unit, encoding=encoding)
