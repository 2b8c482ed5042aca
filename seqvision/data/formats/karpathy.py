"""Karpathy's split files, `dataset_coco.json` and the like (Karpathy and Fei-Fei, 2015)."""

from pathlib import Path

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
    rows = []
    for number, image in enumerate(content["images"]):
        where = f"{file.name} images[{number}]"
        try:
            folder, name = image.get("filepath", ""), image["filename"]
            sentences = [s["raw"] if "raw" in s else " ".join(s["tokens"]) for s in image["sentences"]]
            split = row_split(image["split"], where)
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{where}: expected filename, split and sentences with raw or tokens, and could not find {error}."
            ) from None
        picture = f"{folder}/{name}" if folder else name
        rows += [Row(picture, sentence, split, where) for sentence in sentences or [None]]
    return rows


LAYOUT = Layout("karpathy", "dataset_coco.json with splits and sentences, and the pictures' folders", find, read)
