"""Files of captions: what `seqvision caption` and others wrote, to be scored."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from seqvision.data import CaptionRecord
from seqvision.data.core.json_values import is_missing, json_text, parse_json
from seqvision.data.core.tables import read_rows
from seqvision.data.core.text import read_text
from seqvision.data.formats.columns import first_of
from seqvision.errors import UserError
from seqvision.names import composed
from seqvision.wording import from_line

_IDS = ("id", "image_id", "image", "file_name", "filename", "path", "picture")
_CAPTIONS = ("caption", "text", "prediction")
_EXPECTED = (
    'expected JSON lines {"id": …, "caption": …}, a CSV file with the columns id and caption, COCO\'s results '
    '[{"image_id": …, "caption": …}], or lines of an image, a tab and a caption'
)


def read_predictions(path: str | Path) -> dict[str, str]:
    """Caption by picture from JSON lines, CSV, COCO's result file, or lines of picture, tab and caption; of several
    ranked captions the first.

    Raises `UserError` with the row for what cannot be read, and for an id that comes twice.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file of predictions; {_EXPECTED}")
    found: dict[str, str] = {}
    for where, row in _rows(path):
        of_id, of_caption = (first_of([str(key) for key in row], names) for names in (_IDS, _CAPTIONS))
        asked = (("id", of_id), ("caption", of_caption))
        missing = [name for name, key in asked if key is None or is_missing(row[key])]
        if of_id is None or of_caption is None or missing:
            raise UserError(f"{where}: no {' and no '.join(missing)}; {_EXPECTED}")
        if str(row.get("rank", "1")).strip() != "1":
            continue
        name, caption = row[of_id], json_text(row[of_caption], where, of_caption)
        # a file's name may be no Unicode
        id = name.strip() if isinstance(name, str) else json_text(name, where, of_id)
        if not id:
            raise UserError(f"{where}: the {of_id} is empty; {_EXPECTED}")
        if id in found:
            raise UserError(f"{where}: a second caption of '{id}'; leave one of them out")
        found[id] = caption or ""
    if not found:
        raise UserError(f"{path}: no predictions in it; {_EXPECTED}")
    return found


def match_predictions(
    predictions: Mapping[str, str], records: Sequence[CaptionRecord], wanted: Sequence[CaptionRecord], *, source: str
) -> list[str]:
    """The caption of each wanted record. A prediction's id is a record's id, the path of its picture, COCO's id of it,
    or its file's name where only one picture has that.

    records: all of the data set, whose other predictions are let be. Raises `UserError` for ids that are no
    picture of it, and for wanted pictures without a prediction.
    """
    known = {record.id: record.id for record in records}
    for names in (_coco_ids, _short_names):
        counts = Counter(name for record in records for name in names(record))
        once = {name: record.id for record in records for name in names(record) if counts[name] == 1}
        known = {**once, **known}
    known |= {str(record.image.resolve()): record.id for record in records}
    known = {composed(name): id for name, id in known.items()}
    by_id: dict[str, str] = {}
    unknown = []
    for name, caption in predictions.items():
        id = known.get(composed(name)) or known.get(composed(str(Path(name).resolve())))
        if id is None:
            unknown.append(name)
        else:
            by_id[id] = caption
    if unknown:
        near = get_close_matches(unknown[0], [record.id for record in records], n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"ids look like '{records[0].id}'"
        raise UserError(
            f"{source}: {len(unknown)} of {len(predictions)} ids are no picture of the data, "
            f"e.g. '{unknown[0]}': {hint}"
        )
    missing = [record.id for record in wanted if record.id not in by_id]
    if missing:
        raise UserError(
            f"{source}: {len(missing)} of {len(wanted)} pictures have no prediction, e.g. '{missing[0]}'; "
            "caption them as well, or choose another --split"
        )
    return [by_id[record.id] for record in wanted]


def _short_names(record: CaptionRecord) -> list[str]:
    """The file's name, with and without its ending, and its number where it is one, as COCO's files are called."""
    name = PurePosixPath(record.id)
    number = [str(int(name.stem.rpartition("_")[2]))] if name.stem.rpartition("_")[2].isdecimal() else []
    return list(dict.fromkeys([name.name, name.stem, *number]))


def _coco_ids(record: CaptionRecord) -> list[str]:
    return [] if record.image_id is None else [record.image_id]


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its place as messages name it."""
    text = read_text(path, option="what wrote the file to UTF-8, in place of ")
    begin = text.lstrip()[:1]
    if path.suffix.lower() == ".json" or (begin == "[" and path.suffix.lower() not in (".csv", ".tsv")):
        content = parse_json(text, str(path), _EXPECTED)
        items = content.get("annotations") if isinstance(content, dict) else content
        if not isinstance(items, list):
            raise UserError(f"{path}: {json.dumps(content):.60}; {_EXPECTED}")
        for number, item in enumerate(items):
            yield f"{path} item {number + 1}", item if isinstance(item, dict) else {}
    elif begin == "{":
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                row = parse_json(line, str(path), _EXPECTED, row=number)
                yield f"{path} row {number}", row if isinstance(row, dict) else {}
    elif path.suffix.lower() == ".csv":
        rows = read_rows(path).filled()
        names = [name.strip() for name in next(iter(rows))]
        for number, cells in rows[1:].even(names, _EXPECTED):
            yield f"{path} row {number}", dict(zip(names, cells, strict=True))
    else:
        yield from _lines(text, path)


def _lines(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of lines `picture TAB caption`, as `seqvision caption` prints them, the first of each picture."""
    seen = set()
    for number, line in enumerate(text.split("\n"), start=1):
        name, tab, caption = line.partition("\t")
        if line.strip() and not tab:
            raise UserError(f"{path} row {number}: {line[:60]!r}; {_EXPECTED}")
        if tab and name not in seen and (number, name) != (1, "id"):
            seen.add(name)
            yield f"{path} row {number}", {"id": from_line(name), "caption": caption}
