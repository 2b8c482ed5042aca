"""Lines of text files, plain or gzipped, in any encoding: line n of one is the translation of line n of the other."""

from pathlib import Path

from seqvision.data.core.text import read_lines
from seqvision.errors import UserError


def read_columns(file: Path, names: tuple[str | None, str | None], *, encoding: str) -> list[tuple[int, str, str]]:
    """(row, source, target) of a file with a tab between them; what stands in further columns is let be.

    A first row that holds both names is a heading, which says where the columns are. Raises `UserError` for a row
    with too few.
    """
    lines = read_lines(file, encoding)
    columns, first = (0, 1), 1
    heading = lines[0].split("\t") if lines else []
    if None not in names and all(name in heading for name in names):
        columns, first = (heading.index(str(names[0])), heading.index(str(names[1]))), 2
    found = []
    for row, line in enumerate(lines[first - 1 :], start=first):
        cells = line.split("\t")
        if len(cells) <= max(columns):
            raise UserError(
                f"{file} row {row}: {len(cells)} column{'s' * (len(cells) > 1)} ('{line[:60]}'), expected "
                f"{max(columns) + 1}: the sentence, a tab, its translation"
            )
        found.append((row, cells[columns[0]], cells[columns[1]]))
    return found


def read_two(source: Path, target: Path, *, encoding: str) -> list[tuple[int, str, str]]:
    """(row, source, target) of two files whose lines correspond; a `UserError` where they have different numbers."""
    ours, theirs = (read_lines(file, encoding) for file in (source, target))
    if len(ours) != len(theirs):
        raise UserError(
            f"{source} has {len(ours)} lines, {target.name} has {len(theirs)}: line n of one must be the translation "
            "of line n of the other. Compare the files' ends, and look for lines that were split or dropped"
        )
    return [(row, *pair) for row, pair in enumerate(zip(ours, theirs, strict=True), start=1)]
