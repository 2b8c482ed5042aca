"""COCO's caption annotations (Lin et al., 2014; Chen et al., 2015): `annotations/captions_val2017.json`, `val2017/`."""

import re
from pathlib import Path

from seqvision.data.formats.rows import Layout, ReadOptions, Row, read_json
from seqvision.data.splits import split_name
from seqvision.errors import UserError


def find(source: Path, options: ReadOptions) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix.lower() == ".json" and _ours(source) else []
    folders = [source, source / "annotations"]
    return [file for folder in folders for file in sorted(folder.glob("captions_*.json"))]


def _ours(file: Path) -> bool:
    with open(file, "rb") as opened:
        head = opened.read(1_000_000)
    return file.name.startswith("captions_") or (b'"file_name"' in head and b'"sentences"' not in head)


def read(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of one annotation file; of several, each is the split that its name says (captions_train2017 …)."""
    rows: list[Row] = []
    for file in files:
        folder = re.sub(r"^captions_", "", file.stem)
        split = split_name(re.sub(r"\d+$", "", folder)) if len(files) > 1 else None
        rows += _read_one(file, folder, split, options.encoding)
    return rows


def _read_one(file: Path, folder: str, split: str | None, encoding: str) -> list[Row]:
    content = read_json(file, encoding)
    try:
        # As in the folder tree, because train2017 and val2017 may use a name each.
        names = {image["id"]: f"{folder}/{image['file_name']}" for image in content["images"]}
        said = [(a["image_id"], a["caption"]) for a in content["annotations"]]
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{file.name}: expected COCO's lists images (id, file_name) and annotations (image_id, caption), "
            f"and could not find {error}. Instance and keypoint files hold no captions; take captions_*.json."
        ) from None
    rows = []
    for number, (image, caption) in enumerate(said):
        where = f"{file.name} annotations[{number}]"
        if image not in names:
            raise UserError(
                f"{where}: image_id {image} is not among the file's images. The file is broken; copy it again."
            )
        rows.append(Row(names[image], caption, split, where))
    silent = names.keys() - {image for image, _ in said}
    return rows + [Row(names[i], None, split, f"{file.name} image {i}") for i in sorted(silent)]


LAYOUT = Layout("coco", "annotations/captions_val2017.json and val2017/", find, read)
