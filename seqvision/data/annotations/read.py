"""Whatever says what happens when, read by its kind."""

from collections.abc import Sequence
from pathlib import Path

from seqvision.data.annotations import boris, elan, praat
from seqvision.data.annotations.annotations import Annotations, Choice
from seqvision.data.annotations.tables import has_segments, read_segment_table
from seqvision.data.formats.rows import first_line
from seqvision.errors import UserError
from seqvision.names import Name

TABLES = (".csv", ".tsv")
SUFFIXES = (*TABLES, boris.SUFFIX, elan.SUFFIX, praat.SUFFIX)


def is_annotation(file: Path) -> bool:
    """Whether a file holds segments, by its ending and, of a table, by its columns."""
    kind = file.suffix.lower()
    if kind not in TABLES:
        return kind in SUFFIXES
    line = first_line(file)
    delimiter = "\t" if kind == ".tsv" else max(",;\t|", key=line.count)
    return has_segments([cell.strip(' "') for cell in line.split(delimiter)]) or boris.is_boris(file)


def read_annotations(
    file: str | Path,
    *,
    unit: str | None = None,
    track: Name = None,
    observation: Name | Sequence[Name] = None,
    encoding: str = "utf-8",
) -> Annotations:
    """The segments of a file: a table with a segment a row, an export or a project of BORIS, ELAN's .eaf, Praat's
    .TextGrid.

    unit: of a table's times, "seconds" or "frames". track, observation: which of them count, as `Choice` has them.
    Raises UserError for what cannot be read of these.
    """
    (chosen,) = Choice(track, observation).of([open_annotations(file, unit=unit, encoding=encoding)])
    return chosen.checked()


def open_annotations(file: str | Path, *, unit: str | None = None, encoding: str = "utf-8") -> Annotations:
    """As `read_annotations`, everything in the file, with what cannot be used among its faults."""
    file = Path(file)
    if not file.is_file():
        raise UserError(f"{file}: there is no such file. Correct its name.")
    kind = file.suffix.lower()
    if kind == elan.SUFFIX:
        return elan.read_elan(file)
    if kind == praat.SUFFIX:
        return praat.read_textgrid(file, encoding=encoding)
    if kind not in SUFFIXES:
        raise UserError(f"{file.name}: not a kind of annotation that is read ({' '.join(SUFFIXES)}). Export it as CSV.")
    if boris.is_boris(file):
        return boris.read_boris(file, encoding=encoding)
    return read_segment_table(file, unit=unit, encoding=encoding)
