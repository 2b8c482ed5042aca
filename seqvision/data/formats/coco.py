"""COCO's caption annotations (Lin et al., 2014; Chen et al., 2015): `annotations/captions_val2017.json`, `val2017/`."""

import json
import mmap
import re
from pathlib import Path
from typing import Any

from seqvision.data.core.faults import each
from seqvision.data.core.json_values import json_text, json_texts
from seqvision.data.formats.rows import Layout, ReadOptions, Row, read_json
from seqvision.data.splits import split_name
from seqvision.errors import UserError

_NEEDED = (b'"images"', b'"annotations"', b'"file_name"', b'"caption"')


def find(source: Path, options: ReadOptions) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix.lower() == ".json" and _ours(source) else []
    folders = [source, source / "annotations"]
    files = [file for folder in folders for file in sorted(folder.glob("*.json")) if file.is_file()]
    return [file for file in files if file.name.startswith("captions_")] or [file for file in files if _ours(file)]


def _ours(file: Path) -> bool:
    if file.name.startswith("captions_"):
        return True
    if file.stat().st_size == 0:
        return False
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(key) >= 0 for key in _NEEDED) and content.find(b'"sentences"') < 0


def read(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of one annotation file; of several, each is the split that its name says (captions_train2017 …).

    Ids may be numbers or texts, in images and annotations alike; a caption may be a text, a number, null (there is
    none), or a list of these.
    """
    rows: list[Row] = []
    for file in files:
        folder = re.sub(r"^captions_", "", file.stem)
        split = split_name(re.sub(r"\d+$", "", folder)) if len(files) > 1 else None
        rows += _read_one(file, folder, split, options.encoding)
    return rows


def _read_one(file: Path, folder: str, split: str | None, encoding: str) -> list[Row]:
    content = read_json(file, encoding)
    # As in the folder tree, because train2017 and val2017 may use a name each.
    names: dict[str, str] = {}
    for number, image in enumerate(_list(content, "images", file)):
        where = f"{file.name} images[{number}]"
        with each():
            name = json_text(_field(image, "file_name", where), where, "file_name")
            id = _id(_field(image, "id", where), where, "id")
            if not name:
                raise UserError(f"{where}: 'file_name' is {json.dumps(image['file_name']):.80}, expected a file's name")
            if names.setdefault(id, f"{folder}/{name}") != f"{folder}/{name}":
                raise UserError(f"{where}: a second image with the id {id}. Give each image an id of its own.")
    rows, said = [], set()
    for number, annotation in enumerate(_list(content, "annotations", file)):
        where = f"{file.name} annotations[{number}]"
        with each():
            id = _id(_field(annotation, "image_id", where), where, "image_id")
            if id not in names:
                raise UserError(
                    f"{where}: image_id {id} is not among the file's images. The file is broken; copy it again."
                )
            said.add(id)
            captions = json_texts(_field(annotation, "caption", where), where, "caption")
            rows += [Row(names[id], caption, split, where, id) for caption in captions or [None]]
    return rows + [Row(name, None, split, f"{file.name} image {id}") for id, name in names.items() if id not in said]


def _list(content: Any, key: str, file: Path) -> list[Any]:
    found = content.get(key) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise UserError(
            f"{file.name}: expected COCO's lists images (id, file_name) and annotations (image_id, caption), and could "
            f"not find '{key}'. Instance and keypoint files hold no captions; take captions_*.json."
        )
    return found


def _field(item: Any, key: str, where: str) -> Any:
    if not isinstance(item, dict) or key not in item:
        raise UserError(
            f"{where}: expected COCO's lists images (id, file_name) and annotations (image_id, caption), and could not "
            f"find '{key}' in {json.dumps(item):.80}. Instance and keypoint files hold no "
            "captions; take captions_*.json."
        )
    return item[key]


def _id(value: Any, where: str, key: str) -> str:
    """An id as text, so that 7 and "7" are one."""
    id = json_text(int(value) if isinstance(value, float) and value.is_integer() else value, where, key)
    if id is None:
        raise UserError(f"{where}: '{key}' is null, expected a number or a text")
    return id


LAYOUT = Layout("coco", "annotations/captions_val2017.json and val2017/", find, read)
