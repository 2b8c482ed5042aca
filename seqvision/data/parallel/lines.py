"""Lines of text files, plain or gzipped, in any encoding: line n of one is the translation of line n of the other."""

import gzip
import zlib
from pathlib import Path

from seqvision.errors import UserError


def read_lines(file: Path, *, encoding: str = "utf-8") -> list[str]:
    """The lines without their ends. Only a line feed ends a line, so that no other mark shifts those that follow.

    Raises `UserError` with the row for text of another encoding, and for files that cannot be read.
    """
    try:
        data = file.read_bytes()
        if file.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file}: cannot be read ({error}); expected text, or text packed with gzip") from error
    try:
        text = data.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError as error:
        raise UserError(f"data.encoding={encoding}: Python knows no such encoding; try utf-8 or latin-1") from error
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{file} row {row}: not {encoding} (byte 0x{data[error.start]:02x}); "
            "say the file's encoding, e.g. data.encoding=latin-1"
        ) from error
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.rstrip("\r") for line in lines]


def read_columns(file: Path, names: tuple[str | None, str | None], *, encoding: str) -> list[tuple[int, str, str]]:
    """(row, source, target) of a file with a tab between them; what stands in further columns is let be.

    A first row that holds both names is a heading, which says where the columns are. Raises `UserError` for a row
    with too few.
    """
    lines = read_lines(file, encoding=encoding)
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
    ours, theirs = (read_lines(file, encoding=encoding) for file in (source, target))
    if len(ours) != len(theirs):
        raise UserError(
            f"{source} has {len(ours)} lines, {target.name} has {len(theirs)}: line n of one must be the translation "
            "of line n of the other. Compare the files' ends, and look for lines that were split or dropped"
        )
    return [(row, *pair) for row, pair in enumerate(zip(ours, theirs, strict=True), start=1)]
