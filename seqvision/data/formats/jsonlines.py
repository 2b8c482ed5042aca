"""JSON lines, one object a row (Hugging Face's `metadata.jsonl` among them), or one JSON list of such objects."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqvision.data.core.faults import each
from seqvision.data.core.json_values import json_text, json_texts, parse_json
from seqvision.data.core.text import read_text
from seqvision.data.formats.columns import find_columns
from seqvision.data.formats.rows import (
    Layout,
    ReadOptions,
    Row,
    files_of_splits,
    first_line,
    read_json,
    row_split,
    split_files,
    split_of_file,
)
from seqvision.errors import UserError

_SUFFIXES = (".jsonl", ".ndjson")


def find(source: Path, options: ReadOptions) -> list[Path]:
    if source.is_file():
        is_list = source.suffix.lower() == ".json" and first_line(source).startswith("[")
        return [source] if is_list or source.suffix.lower() in _SUFFIXES else []
    files = sorted(file for file in source.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())
    return split_files(files) or files or files_of_splits(source, _SUFFIXES)


def read(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of one file, or of several that are called train, val, test, or lie in folders that are.

    A caption may be a text, a number, null (there is none), or a list of these.
    """
    rows: list[Row] = []
    for file in files:
        split, prefix = split_of_file(file, files)
        for where, item in json_items(file, options.encoding):
            with each():
                columns = find_columns([str(key) for key in item], options, where)
                image = json_text(item[columns.image], where, columns.image)
                if not image:
                    raise UserError(
                        f"{where}: '{columns.image}' is {json.dumps(item[columns.image]):.80}, expected a name"
                    )
                said = row_split(item[columns.split], where) if columns.split else split
                captions = [text for name in columns.captions for text in json_texts(item[name], where, name)]
                if len(columns.captions) > 1:  # of several columns some may stay empty
                    captions = [caption for caption in captions if caption]
                rows += [Row(prefix + image, caption, said, where) for caption in captions or [None]]
    return rows


def columns(files: list[Path], options: ReadOptions) -> str:
    first = next(iter(json_items(files[0], options.encoding)), None)
    return str(find_columns(list(first[1]), options, first[0])) if first else ""


def json_items(file: Path, encoding: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of JSON lines or of one JSON list, with the row or the item as messages name it."""
    if file.suffix.lower() == ".json":
        content = read_json(file, encoding)
        if not isinstance(content, list):
            raise UserError(f"{file.name}: expected a list of objects, found {json.dumps(content):.80}")
        items = iter([(f"{file.name} item {number}", item) for number, item in enumerate(content, start=1)])
    else:
        items = json_lines(file, encoding)
    for where, item in items:
        with each():
            if not isinstance(item, dict):
                raise UserError(
                    f'{where}: expected an object such as {{"image": …, "caption": …}}, found {json.dumps(item):.80}'
                )
            yield where, item


def json_lines(file: Path, encoding: str) -> Iterator[tuple[str, Any]]:
    advice = "Each line holds one whole object; correct or remove the row."
    for number, line in enumerate(read_text(file, encoding).split("\n"), start=1):
        if line.strip():
            with each():
                yield f"{file.name} row {number}", parse_json(line, file.name, advice, row=number)


LAYOUT = Layout(
    "jsonl", 'captions.jsonl with rows such as {"image": "dog.jpg", "caption": "A dog."}', find, read, columns
)
