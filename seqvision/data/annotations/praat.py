"""Annotations of Praat (.TextGrid): tiers of intervals and points."""

import importlib
from pathlib import Path

from seqvision.data.annotations.segments import Segment
from seqvision.data.annotations.tables import Annotations
from seqvision.errors import UserError

SUFFIX = ".textgrid"


def read_textgrid(file: Path) -> Annotations:
    """The intervals and points of all tiers, each with its tier as the track; empty intervals are passed over.

    UserError where praatio, which reads these files, is not installed, or cannot read one.
    """
    try:
        textgrid = importlib.import_module("praatio.textgrid")
    except ImportError:
        raise UserError(
            f"{file.name}: reading TextGrids needs praatio, which is not installed: pip install praatio"
        ) from None
    if not file.stat().st_size:
        raise UserError(f"{file.name}: the file is empty (0 bytes). Copy it again, or remove it.")
    try:
        grid = textgrid.openTextgrid(str(file), includeEmptyIntervals=False)
    except Exception as error:  # praatio raises whatever its parsing ran into
        raise UserError(
            f"{file.name}: not a TextGrid that can be read ({error}). Save it again from Praat as a text file."
        ) from error
    segments = []
    for tier in grid.tiers:
        for number, entry in enumerate(tier.entries, start=1):
            begin, *end, label = entry
            if label.strip():
                where = f"{file.name} tier '{tier.name}' entry {number}"
                segments.append(Segment(begin, end[0] if end else begin, label.strip(), tier.name, where))
    return Annotations(file, {"": sorted(segments, key=lambda segment: (segment.start, segment.stop))})
