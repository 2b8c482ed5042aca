"""Files of captions: what `seqvision caption` and others wrote, to be scored."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from seqvision.data import CaptionRecord
from seqvision.data.core.json_values import parse_json
from seqvision.errors import UserError

_EXPECTED = 'expected JSON lines {"id": …, "caption": …} or a CSV file with the columns id and caption'


def read_predictions(path: str | Path) -> dict[str, str]:
    """Caption by picture from JSON lines or CSV, with `id` and `caption`; of several ranked captions the first.

    Raises `UserError` with the row for what cannot be read, and for an id that comes twice.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file of predictions; {_EXPECTED}")
    found: dict[str, str] = {}
    try:
        for number, row in _rows(path):
            missing = [key for key in ("id", "caption") if not isinstance(row.get(key), str)]
            if missing:
                raise UserError(f"{path} row {number}: no {' and no '.join(missing)}; {_EXPECTED}")
            if str(row.get("rank", "1")) != "1":
                continue
            if row["id"] in found:
                raise UserError(f"{path} row {number}: a second caption of '{row['id']}'; leave one of them out")
            found[row["id"]] = row["caption"]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error}); {_EXPECTED}, in UTF-8") from error
    if not found:
        raise UserError(f"{path}: no predictions in it; {_EXPECTED}")
    return found


def match_predictions(
    predictions: Mapping[str, str], records: Sequence[CaptionRecord], wanted: Sequence[CaptionRecord], *, source: str
) -> list[str]:
    """The caption of each wanted record. A prediction's id is a record's id, or the path of its picture.

    records: all of the data set, whose other predictions are let be. Raises `UserError` for ids that are no
    picture of it, and for wanted pictures without a prediction.
    """
    known = {record.id: record.id for record in records}
    known |= {str(record.image.resolve()): record.id for record in records}
    by_id: dict[str, str] = {}
    unknown = []
    for name, caption in predictions.items():
        id = known.get(name) or known.get(str(Path(name).resolve()))
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


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() == ".csv":
            yield from enumerate(csv.DictReader(file), start=2)
            return
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            row = parse_json(line, str(path), f"Correct the row; {_EXPECTED}.", row=number)
            yield number, row if isinstance(row, dict) else {}
