"""CSV and TSV: one caption a row, columns by name; without a header, picture and caption."""

from collections.abc import Iterator
from pathlib import Path

from seqvision.data.core.faults import each
from seqvision.data.core.tables import Rows, first_rows, read_rows
from seqvision.data.formats.columns import Columns, find_columns, plausible
from seqvision.data.formats.rows import (
    Layout,
    ReadOptions,
    Row,
    files_of_splits,
    first_line,
    row_split,
    split_files,
    split_of_file,
)
from seqvision.data.picture_kinds import is_picture_name


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
    return split_files(likely) or likely or tables or files_of_splits(source, [suffix])


def _holds_captions(file: Path, options: ReadOptions) -> bool:
    header = next(iter(first_rows(file)), [""])
    return is_picture_name(header[0]) or plausible(header, options)


def read_table(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of one table, or of several that are called train, val, test, or lie in folders that are."""
    rows: list[Row] = []
    for file in files:
        split, prefix = split_of_file(file, files)
        rows += _read_one(file, options, split, prefix)
    return rows


def columns_of(files: list[Path], options: ReadOptions) -> str:
    return str(_columns(read_rows(files[0], encoding=options.encoding).filled(), options)[1])


def _columns(rows: Rows, options: ReadOptions) -> tuple[list[str], Columns, Rows]:
    """(the names of all columns, those to read, the rows below the heading, if there is one)."""
    header = next(iter(rows))
    if len(header) == 2 and is_picture_name(header[0].strip()):
        return ["image", "caption"], Columns("image", ("caption",), None), rows
    names = [name.strip() for name in header]
    return names, find_columns(names, options, rows.file.name), rows[1:]


def _read_one(file: Path, options: ReadOptions, split: str | None, prefix: str) -> Iterator[Row]:
    names, columns, rows = _columns(read_rows(file, encoding=options.encoding).filled(), options)
    at = {name: place for place, name in enumerate(names)}
    for number, cells in rows.even(
        names, "Correct the row; a caption that holds the separator needs quotes around it."
    ):
        where = f"{file.name} row {number}"
        with each():
            said = row_split(cells[at[columns.split]], where) if columns.split else split
            captions = [cells[at[name]] for name in columns.captions]
            if len(captions) > 1:  # of several columns some may stay empty
                captions = [caption for caption in captions if caption.strip()] or [""]
            for caption in captions:
                yield Row(prefix + cells[at[columns.image]].strip(), caption, said, where)


def unquoted(cell: str) -> str:
    """The cell without the quotes around the whole of it, if they are that."""
    inner = cell.strip()[1:-1].replace('""', "\0")
    if len(cell.strip()) > 1 and cell.strip()[0] == cell.strip()[-1] == '"' and '"' not in inner:
        return inner.replace("\0", '"')
    return cell


CSV = Layout("csv", "captions.csv with columns such as image,caption", find_csv, read_table, columns_of)
TSV = Layout("tsv", "captions.tsv with columns such as image and caption", find_tsv, read_table, columns_of)
