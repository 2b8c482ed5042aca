"""Annotations of ELAN (.eaf): tiers of segments, at the times at which ELAN shows them."""

import math
import xml.etree.ElementTree as ET
from pathlib import Path, PurePosixPath
from urllib.parse import unquote
from xml.parsers import expat

from seqvision.data.annotations.annotations import Annotations, Fault
from seqvision.data.annotations.elan_times import ALIGNED, REFERRING, TierTimes, value_of
from seqvision.data.annotations.segments import Segment
from seqvision.errors import UserError

SUFFIX = ".eaf"


def read_elan(file: Path) -> Annotations:
    """The segments of all tiers, each with its tier as the track; empty annotations are passed over.

    Times are those of the medium: TIME_ORIGIN is added, and where the media of a document begin at different times, the
    segments are given for each of them. A tier whose annotations have no place in time is a fault of that tier.
    Raises UserError for a file that is no XML or no ELAN document.
    """
    root = _parse(file)
    times = TierTimes(root, file.name)
    segments: list[Segment] = []
    faults: list[Fault] = []
    names = list(dict.fromkeys(tier.get("TIER_ID") or "" for tier in root.iter("TIER")))
    for tier in root.iter("TIER"):
        name = tier.get("TIER_ID") or ""
        try:
            segments += [
                Segment(*times.of(one), value_of(one), name, f"{file.name} annotation {one.get('ANNOTATION_ID')}")
                for one in tier.iter()
                if one.tag in (ALIGNED, REFERRING) and value_of(one)
            ]
        except UserError as error:
            faults.append(Fault(str(error), track=name))
    segments.sort(key=lambda segment: (segment.start, segment.stop))
    origins = _origins(root, file)
    about = {"": segments}
    if len(set(origins.values())) == 1:
        (origin,) = set(origins.values())
        about = {"": _from(origin, segments)}
    elif origins:
        about = {medium: _from(origin, segments) for medium, origin in origins.items()}
    return Annotations(file, about, tracks=tuple(names), media=tuple(origins), faults=tuple(faults))


def _from(origin: float, segments: list[Segment]) -> list[Segment]:
    if not origin:
        return segments
    return [Segment(round(s.start + origin, 6), round(s.stop + origin, 6), s.label, s.track, s.where) for s in segments]


def _parse(file: Path) -> ET.Element:
    """The document. Entities that it declares are refused: ELAN writes none, and they may stand for gigabytes, or for
    other files."""
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: object) -> None:
        raise UserError(f"{file.name}: declares entities of XML, which ELAN never writes. Save it again in ELAN.")

    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(file.read_bytes(), True)
        root = builder.close()
    except (expat.ExpatError, AssertionError, LookupError, ValueError) as error:
        raise UserError(f"{file.name}: not valid XML ({error}). The file may be cut off; copy it again.") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise UserError(f"{file.name}: a '{root.tag}', expected an ANNOTATION_DOCUMENT as ELAN saves it.")
    units = next((header.get("TIME_UNITS") for header in root.iter("HEADER")), None)
    if units not in (None, "", "milliseconds"):
        raise UserError(f"{file.name}: times in '{units}', expected milliseconds, as ELAN saves them. Save it in ELAN.")
    return root


def _origins(root: ET.Element, file: Path) -> dict[str, float]:
    """The media of a document by the names of their files, and where in each, in seconds, annotations begin to count.

    Sound is left out where there are videos.
    """
    found: dict[str, tuple[str, float]] = {}
    for one in root.iter("MEDIA_DESCRIPTOR"):
        url = one.get("MEDIA_URL") or one.get("RELATIVE_MEDIA_URL") or ""
        name = PurePosixPath(unquote(url).replace("\\", "/")).name
        origin = one.get("TIME_ORIGIN") or "0"
        try:
            seconds = float(int(origin)) / 1000
        except (ValueError, OverflowError):
            seconds = math.nan
        if not math.isfinite(seconds):
            raise UserError(
                f"{file.name}: TIME_ORIGIN '{origin[:40]}' of '{name}', expected milliseconds. Correct it in ELAN."
            )
        found[name] = ((one.get("MIME_TYPE") or "").partition("/")[0], seconds)
    seen = {name: seconds for name, (kind, seconds) in found.items() if kind == "video"}
    return seen or {name: seconds for name, (_, seconds) in found.items()}
