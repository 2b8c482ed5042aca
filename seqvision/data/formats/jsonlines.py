"""JSON lines, one object a row (Hugging Face's `metadata.jsonl` among them), or one JSON list of such objects."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqvision.data.core.json_values import parse_json
from seqvision.data.core.text import read_text
from seqvision.data.formats.columns import find_columns
from seqvision.data.formats.rows import Layout, ReadOptions, Row, first_line, read_json, row_split, split_files
from seqvision.data.splits import split_name
from seqvision.errors import UserError

_SUFFIXES = (".jsonl", ".ndjson")


def find(source: Path, options: ReadOptions) -> list[Path]:
    if source.is_file():
        is_list = source.suffix.lower() == ".json" and first_line(source).startswith("[")
        return [source] if is_list or source.suffix.lower() in _SUFFIXES else []
    files = sorted(file for file in source.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())
    return split_files(files) or files


def read(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of one file, or of several that are called train, val, test; a caption may be a text or a list."""
    rows: list[Row] = []
    for file in files:
        split = split_name(file.stem) if len(files) > 1 else None
        for where, item in _objects(file, options.encoding):
            columns = find_columns([str(key) for key in item], options, where)
            said = row_split(item[columns.split], where) if columns.split else split
            values = [item[name] for name in columns.captions]
            captions = [text for value in values for text in (value if isinstance(value, list) else [value])]
            if not all(isinstance(value, str) for value in [item[columns.image], *captions]):
                raise UserError(
                    f"{where}: '{columns.image}' must be a text and '{columns.captions[0]}' a text or a list of texts; "
                    f"found {json.dumps(item)[:120]}"
                )
            rows += [Row(item[columns.image], caption, said, where) for caption in captions or [None]]
    return rows


def _objects(file: Path, encoding: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if file.suffix.lower() == ".json":
        content = read_json(file, encoding)
        items = [(f"{file.name} item {n}", item) for n, item in enumerate(content, start=1)]
    else:
        items = list(json_lines(file, encoding))
    for where, item in items:
        if not isinstance(item, dict):
            raise UserError(f'{where}: expected an object such as {{"image": …, "caption": …}}, found {item!r:.80}')
        yield where, item


def json_lines(file: Path, encoding: str) -> Iterator[tuple[str, Any]]:
    advice = "Each line holds one whole object; correct or remove the row."
    for number, line in enumerate(read_text(file, encoding).split("\n"), start=1):
        if line.strip():
            yield f"{file.name} row {number}", parse_json(line, file.name, advice, row=number)


LAYOUT = Layout("jsonl", 'captions.jsonl with rows such as {"image": "dog.jpg", "caption": "A dog."}', find, read)
