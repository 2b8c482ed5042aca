"""CSV and TSV: one caption a row, columns by name; without a header, picture and caption."""

from collections.abc import Iterator
from pathlib import Path

from seqvision.data.core.tables import first_row, read_rows
from seqvision.data.formats.columns import Columns, find_columns, plausible
from seqvision.data.formats.rows import Layout, ReadOptions, Row, first_line, row_split, split_files
from seqvision.data.picture_kinds import is_picture_name
from seqvision.data.splits import split_name


def find_csv(source: Path, options: ReadOptions) -> list[Path]:
    return _find(source, options, ".csv")


def find_tsv(source: Path, options: ReadOptions) -> list[Path]:
    if source.is_file() and source.suffix == ".txt" and "\t" in first_line(source) and "#" not in first_line(source):
        return [source]
    return _find(source, options, ".tsv")


def _find(source: Path, options: ReadOptions, suffix: str) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix.lower() == suffix else []
    tables = sorted(file for file in source.iterdir() if file.suffix.lower() == suffix and file.is_file())
    likely = [file for file in tables if _holds_captions(file, options)]
    return split_files(likely) or likely or tables


def _holds_captions(file: Path, options: ReadOptions) -> bool:
    header = first_row(file)
    return is_picture_name(header[0] if header else "") or plausible(header, options)


def read_table(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of one table, or of several that are called train, val, test."""
    rows: list[Row] = []
    for file in files:
        split = split_name(file.stem) if len(files) > 1 else None
        rows += _read_one(file, options, split)
    return rows


def _read_one(file: Path, options: ReadOptions, split: str | None) -> Iterator[Row]:
    rows = read_rows(file, encoding=options.encoding).filled()
    header = [cell.strip() for cell in next(iter(rows))]
    bare = len(header) == 2 and is_picture_name(header[0])  # no header: the first line is a row already
    names = ["image", "caption"] if bare else header
    columns = Columns("image", ("caption",), None) if bare else find_columns(names, options, file.name)
    at = {name: place for place, name in enumerate(names)}
    advice = "Correct the row; a caption that holds the separator needs quotes around it."
    for number, cells in (rows if bare else rows[1:]).even(names, advice):
        where = f"{file.name} row {number}"
        said = row_split(cells[at[columns.split]], where) if columns.split else split
        captions = [cells[at[name]] for name in columns.captions]
        if len(captions) > 1:  # of several columns some may stay empty
            captions = [caption for caption in captions if caption.strip()] or [""]
        for caption in captions:
            yield Row(cells[at[columns.image]].strip(), caption, said, where)


def unquoted(cell: str) -> str:
    """The cell without the quotes around the whole of it, if they are that."""
    inner = cell.strip()[1:-1].replace('""', "\0")
    if len(cell.strip()) > 1 and cell.strip()[0] == cell.strip()[-1] == '"' and '"' not in inner:
        return inner.replace("\0", '"')
    return cell


CSV = Layout("csv", "captions.csv with columns such as image,caption", find_csv, read_table)
TSV = Layout("tsv", "captions.tsv with columns such as image and caption", find_tsv, read_table)
