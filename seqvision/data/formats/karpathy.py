"""Karpathy's split files, `dataset_coco.json` and the like (Karpathy and Fei-Fei, 2015)."""

import json
from pathlib import Path
from typing import Any

from seqvision.data.core.faults import each
from seqvision.data.core.json_values import json_text
from seqvision.data.formats.rows import Layout, ReadOptions, Row, read_json, row_split
from seqvision.errors import UserError


def find(source: Path, options: ReadOptions) -> list[Path]:
    if source.is_dir():
        return sorted(file for file in source.glob("*.json") if _ours(file))
    return [source] if source.suffix.lower() == ".json" and _ours(source) else []


def _ours(file: Path) -> bool:
    with open(file, "rb") as opened:
        return b'"sentences"' in opened.read(1_000_000)


def read(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of the one split file; `restval`, COCO's rest of the validation pictures, is for training."""
    (file,) = files
    content = read_json(file, options.encoding)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise UserError(f"{file.name}: expected an object with the list 'images'; is the layout really 'karpathy'?")
    rows: list[Row] = []
    for number, image in enumerate(content["images"]):
        where = f"{file.name} images[{number}]"
        with each():
            rows += _rows_of(image, where)
    return rows


def _rows_of(image: Any, where: str) -> list[Row]:
    try:
        folder = json_text(image.get("filepath"), where, "filepath")
        name = json_text(image["filename"], where, "filename")
        sentences = [_sentence(sentence, where) for sentence in image["sentences"]]
        split = row_split(image["split"], where)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{where}: expected filename, split and sentences with raw or tokens, and could not find {error}."
        ) from None
    if not name:
        raise UserError(f"{where}: 'filename' is {json.dumps(image['filename']):.80}, expected a file's name")
    picture = f"{folder}/{name}" if folder else name
    return [Row(picture, sentence, split, where) for sentence in sentences or [None]]


def _sentence(sentence: Any, where: str) -> str | None:
    if "raw" in sentence:
        return json_text(sentence["raw"], where, "raw")
    words = [json_text(word, where, "tokens") for word in sentence["tokens"]]
    return " ".join(word for word in words if word is not None)


LAYOUT = Layout("karpathy", "dataset_coco.json with splits and sentences, and the pictures' folders", find, read)
