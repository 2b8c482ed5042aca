"""`seqvision label -`: a frame a line in, its label out at once."""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seqvision.cli.output import json_line
from seqvision.errors import UserError
from seqvision.names import text_of
from seqvision.wording import in_line

if TYPE_CHECKING:
    from seqvision.data import FeatureReader
    from seqvision.inference import LoadedLabeller

WHERE = "standard input"


def label_stream(labellers: "Sequence[LoadedLabeller]", given: argparse.Namespace) -> int:
    """Writes a line for each row of features, as soon as it has come; 0 when the input ends."""
    import numpy as np
    import torch

    from seqvision.data import FeatureReader
    from seqvision.data.core.text import text_lines
    from seqvision.inference import LabelStream
    from seqvision.inference.sequences import class_places, deciding_together

    labeller, orders = deciding_together(labellers)[0], class_places(labellers)
    reader = labeller.reader
    if not isinstance(reader, FeatureReader):
        raise UserError(
            "-: rows of features are read from standard input, but this model reads videos; name their files"
        )
    if reader.relative:
        raise UserError(
            "-: this model sees features relative to their mean in the whole recording (data.reader.relative=true), "
            "which is not known while it goes on. Name finished files, or train with data.reader.relative=false"
        )
    if labeller.path_of_labels is not None:
        print("seqvision: -: each frame by itself; the path over all labels needs the whole recording", file=sys.stderr)
        labeller = replace(labeller, path_of_labels=None)
    other = next((each for each in labellers if each.reader != reader), None)
    if other is not None:
        raise UserError(
            f"-: {other.path} reads its features in another way than {labeller.path}; only labellers that read the "
            "same can see the same frames as they come. Name finished files"
        )
    streams = [LabelStream(each) for each in labellers]
    for stream in streams:
        stream.check()
    for frame, values in enumerate(feature_rows(text_lines(sys.stdin.buffer), reader)):
        row = torch.tensor([values])
        found = [stream(row)[:, order] for stream, order in zip(streams, orders, strict=True)]
        probabilities = np.mean(found, axis=0)
        place = labeller.decide(probabilities)[0]
        of = dict(zip(labeller.classes, map(float, probabilities[0]), strict=True))
        names = (
            [labeller.classes[int(place)]]
            if labeller.thresholds is None
            else [name for name, there in zip(labeller.classes, place.tolist(), strict=True) if there]
        )
        if given.format == "jsonl":
            entry: dict[str, object] = {"frame": frame}
            if given.frame_rate:
                entry["seconds"] = round(frame / given.frame_rate, 6)
            if labeller.thresholds is None:
                entry |= {"label": names[0], "probability": round(of[names[0]], 6)}
            else:
                entry |= {"labels": names}
            if given.probabilities or labeller.thresholds is not None:
                entry["probabilities"] = {name: round(share, 6) for name, share in of.items()}
            print(json_line(entry), flush=True)
        else:
            shares = [of[name] for name in names] + (list(of.values()) if given.probabilities else [])
            label = in_line(",".join(names)) or "-"
            print("\t".join([label, *(f"{share:.4f}" for share in shares)]), flush=True)
    return 0


def feature_rows(lines: Iterable[str], reader: "FeatureReader") -> Iterator[list[float]]:
    """The features of each line: numbers between commas, semicolons, tabs or blanks.

    A first line with the columns' names chooses and orders those that the model was trained on. What is no number is
    treated as in training, but that in place of a line between the frames around it, of which the later one is not
    there yet, the value before it is taken. Raises `UserError` with the line for what cannot be a frame.
    """
    places: list[int] | None = None
    before: list[float] | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        cells = _cells(line)
        if before is None and places is None and not all(map(_is_number, cells)):
            places = _places(cells, reader)
            continue
        if places is not None:
            if len(cells) <= max(places):
                raise UserError(f"{WHERE} line {number}: {len(cells)} fields, expected as many as in the first line")
            cells = [cells[place] for place in places]
        if len(cells) != reader.features:
            raise UserError(
                f"{WHERE} line {number}: {len(cells)} numbers, expected the {reader.features} features of a frame as "
                "in training"
            )
        wrong = next((cell for cell in cells if not _is_number(cell)), None)
        if wrong is not None:
            raise UserError(f"{WHERE} line {number}: '{wrong}' is no number; expected {reader.features} of them")
        yield (before := _finite([float(cell or "nan") for cell in cells], before, reader.on_nan, number))


def _cells(line: str) -> list[str]:
    separator = next((mark for mark in ("\t", ";", ",") if mark in line), None)
    cells = line.split(separator) if separator else line.split()
    return [cell.strip().strip('"') for cell in cells]


def _places(header: Sequence[str], reader: "FeatureReader") -> list[int]:
    if reader.columns is None:
        return list(range(len(header)))
    columns = [text_of(name) for name in reader.columns]
    missing = [name for name in columns if name not in header]
    if missing:
        raise UserError(
            f"{WHERE} line 1: no column '{missing[0]}' (found: {', '.join(header)}); the model was trained on "
            f"{', '.join(columns)}"
        )
    return [header.index(name) for name in columns]


def _finite(values: list[float], before: list[float] | None, on_nan: str, number: int) -> list[float]:
    """The values, what is not finite in them being treated as in training."""
    bad = [place for place, value in enumerate(values) if value != value or value in (float("inf"), float("-inf"))]
    if bad and on_nan == "error":
        raise UserError(
            f"{WHERE} line {number}: feature {bad[0]} (from 0) is {values[bad[0]]}; write a number, or train with "
            "data.reader.on_nan=zero or interpolate"
        )
    for place in bad:
        values[place] = before[place] if before is not None and on_nan == "interpolate" else 0.0
    return values


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf(inity)?)|", cell, re.IGNORECASE))
