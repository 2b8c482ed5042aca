"""Flickr8k and Flickr30k: `captions.txt` (image,caption), the older `Flickr8k.token.txt` (name.jpg#0 TAB caption)."""

import re
from pathlib import Path

from seqvision.data.core.faults import each
from seqvision.data.core.text import read_text
from seqvision.data.formats.rows import Layout, ReadOptions, Row, first_line
from seqvision.data.formats.table import unquoted
from seqvision.data.picture_kinds import is_picture_name
from seqvision.errors import UserError

_TOKEN = re.compile(r"(?P<picture>\S.*?)#\d+\t(?P<caption>.*)")


def find(source: Path, options: ReadOptions) -> list[Path]:
    if source.is_file():
        line = first_line(source)
        ours = source.suffix.lower() in (".txt", ".token") and (_TOKEN.match(line) or _is_list(line))
        return [source] if ours else []
    tokens = [file for file in sorted(source.glob("*.token*")) if "lemma" not in file.name.lower()]
    lists = [source / "captions.txt"] if (source / "captions.txt").is_file() else []
    return [file for file in lists or tokens if find(file, options)]


def _is_list(line: str) -> bool:
    picture, comma, _ = line.partition(",")
    return bool(comma) and (is_picture_name(picture) or _is_header(line))


def _is_header(line: str) -> bool:
    return re.sub(r"[\s\"]", "", line.lower()) in ("image,caption", "image_name,caption", "image,captions")


def read(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of the one caption file; a caption may hold commas, quoted or not."""
    (file,) = files
    lines = read_text(file, options.encoding).split("\n")
    parse = _token_row if _TOKEN.match(first_line(file)) else _comma_row
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not (number == 1 and _is_header(line)):
            with each():
                rows.append(parse(line, f"{file.name} row {number}"))
    return rows


def _comma_row(line: str, where: str) -> Row:
    picture, comma, caption = line.partition(",")
    if not comma:
        raise UserError(f"{where}: expected 'picture.jpg,caption', found no comma in {line!r:.80}. Correct the row.")
    return Row(picture.strip(' "'), unquoted(caption), None, where)


def _token_row(line: str, where: str) -> Row:
    match = _TOKEN.match(line)
    if not match:
        raise UserError(
            f"{where}: expected 'picture.jpg#0', a tab and the caption, found {line!r:.80}. Correct the row."
        )
    return Row(match["picture"], match["caption"], None, where)


LAYOUT = Layout("flickr8k", "captions.txt with image,caption or Flickr8k.token.txt, and Images/", find, read)
