"""Lines of text files, plain or gzipped, in any encoding: line n of one is the translation of line n of the other."""

from pathlib import Path

from seqvision.data.core.tables import read_rows
from seqvision.data.core.text import read_lines
from seqvision.data.parallel.languages import find_heading, same_language
from seqvision.errors import UserError
from seqvision.wording import counted


def read_columns(
    file: Path, languages: tuple[str | None, str | None], named: tuple[str, str] | None, *, encoding: str
) -> tuple[list[tuple[int, str, str]], str]:
    """(row, source, target) of a table, and a sentence that says which column is which and how many more are not read.

    A first row that names columns says where source and target are; else the two languages `named` by the file; else
    the source is the first column. Raises `UserError` for a row with too few.
    """
    rows = read_rows(file, encoding=encoding, raw=True)
    heading = find_heading(next(iter(rows)), languages)
    if heading is not None:
        columns, first = heading.columns, 1
        why = f"as its first row says ({heading.names[0]}, {heading.names[1]})"
    else:
        turned = named is not None and languages[0] is not None and not same_language(named[0], languages[0])
        columns, first = ((1, 0) if turned else (0, 1)), 0
        why = "as its name says" if named else "which nothing says: write a first row with the languages to be sure"
    found = []
    for number, cells in zip(rows.numbers[first:], rows[first:], strict=True):
        if len(cells) <= max(columns):
            raise UserError(
                f"{file} row {number}: {len(cells)} column{'s' * (len(cells) > 1)} "
                f"('{rows.delimiter.join(cells):.60}'), "
                f"expected {max(columns) + 1}: the sentence, a tab, its translation"
            )
        found.append((number, cells[columns[0]], cells[columns[1]]))
    names = [name or role for name, role in zip(languages, ("source", "target"), strict=True)]
    further = max(map(len, rows), default=2) - 2
    return found, (
        f"{file.name}: from {names[0]} (column {columns[0] + 1}) into {names[1]} (column {columns[1] + 1}), {why}"
        + (f"; {counted(further, 'further column')} not read" if further > 0 else "")
    )


def read_two(source: Path, target: Path, *, encoding: str) -> list[tuple[int, str, str]]:
    """(row, source, target) of two files whose lines correspond; a `UserError` where they have different numbers."""
    ours, theirs = (read_lines(file, encoding) for file in (source, target))
    if len(ours) != len(theirs):
        raise UserError(
            f"{source} has {len(ours)} lines, {target.name} has {len(theirs)}: line n of one must be the translation "
            "of line n of the other. Compare the files' ends, and look for lines that were split or dropped"
        )
    return [(row, *pair) for row, pair in enumerate(zip(ours, theirs, strict=True), start=1)]
