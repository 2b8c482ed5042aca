"""Labels as annotations of ELAN."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from seqvision.data.annotations.segments import Segment
from seqvision.files import write_bytes
from seqvision.wording import visible

_KIND = "label"  # the linguistic type of the tiers that are written
# how tiers may hang on others, by ELAN's names; every document lists all four
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of the parent annotation's interval, without gaps",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation, in order",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}
_MIME = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg", ".mpeg": "video/mpeg"}


def write_elan(path: str | Path, segments: Sequence[Segment], *, video: str | Path | None = None) -> Path:
    """A document that ELAN opens: a tier for each track ("labels" where there is none), times to the millisecond.

    video: what ELAN shall open with it. A moment lasts one millisecond, since ELAN knows none.
    """
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {"AUTHOR": "seqvision", "DATE": "2000-01-01T00:00:00+00:00", "FORMAT": "3.0", "VERSION": "3.0"}
        | {"xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance"}
        | {"xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"},
    )
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if video is not None:
        absolute, relative = Path(video).absolute().as_uri(), _text(f"./{Path(video).name}")
        kind = _MIME.get(Path(video).suffix.lower(), "video/*")
        ET.SubElement(
            header, "MEDIA_DESCRIPTOR", {"MEDIA_URL": absolute, "RELATIVE_MEDIA_URL": relative, "MIME_TYPE": kind}
        )
    ET.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"}).text = str(len(segments))
    order = ET.SubElement(root, "TIME_ORDER")
    tracks: dict[str, list[Segment]] = {}
    for segment in segments:
        tracks.setdefault(segment.track or "labels", []).append(segment)
    number = 0
    for track, some in (tracks or {"labels": []}).items():
        tier = ET.SubElement(root, "TIER", {"LINGUISTIC_TYPE_REF": _KIND, "TIER_ID": _text(track)})
        for segment in some:
            number += 1
            begin = round(segment.start * 1000)
            for slot, value in ((2 * number - 1, begin), (2 * number, max(begin + 1, round(segment.stop * 1000)))):
                ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{slot}", "TIME_VALUE": str(value)})
            ids = {"ANNOTATION_ID": f"a{number}", "TIME_SLOT_REF1": f"ts{2 * number - 1}"}
            holder = ET.SubElement(tier, "ANNOTATION")
            aligned = ET.SubElement(holder, "ALIGNABLE_ANNOTATION", {**ids, "TIME_SLOT_REF2": f"ts{2 * number}"})
            ET.SubElement(aligned, "ANNOTATION_VALUE").text = _text(segment.label)
    ET.SubElement(
        root,
        "LINGUISTIC_TYPE",
        {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": _KIND, "TIME_ALIGNABLE": "true"},
    )
    for name, said in _CONSTRAINTS.items():
        ET.SubElement(root, "CONSTRAINT", {"STEREOTYPE": name, "DESCRIPTION": said})
    ET.indent(root)
    write_bytes(path, ET.tostring(root, encoding="UTF-8", xml_declaration=True))
    return Path(path)


def _text(text: str) -> str:
    """A text as XML can hold it; a reader would make a line end of a carriage return."""
    return visible(text).replace("\r", "\u240d")
