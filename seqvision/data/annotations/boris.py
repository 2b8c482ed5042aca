"""What BORIS exports and keeps: tabular events (START, STOP and POINT rows), aggregated events, projects (.boris)."""

import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqvision.data.annotations.segments import Segment
from seqvision.data.annotations.tables import NOBODY, Annotations, read_time, segments_of
from seqvision.data.core.text import read_text
from seqvision.data.formats.rows import read_json
from seqvision.data.sequences.formats.table import Table
from seqvision.errors import UserError
from seqvision.files import open_atomic, write_text

SUFFIX = ".boris"
_VIDEO = ("Media file name", "Media file path", "Media file", "Source", "Observation id")
_AGGREGATED = (
    *("Observation id", "Source", "FPS (frame/s)", "Subject", "Behavior", "Behavior type", "Start (s)", "Stop (s)"),
    *("Duration (s)", "Media file name"),
)
_HEADER_WITHIN = 60  # lines; older versions write the observation's description before the table


class _Event(NamedTuple):
    video: str
    subject: str
    behaviour: str
    kind: str  # START, STOP or POINT
    time: float
    where: str


def is_boris(file: Path) -> bool:
    """Whether a file is a project of BORIS, or a table that it exported."""
    if file.suffix.lower() == SUFFIX:
        return True
    with open(file, "rb") as opened:
        lines = opened.read(1 << 16).decode("utf-8-sig", errors="replace").splitlines()[:_HEADER_WITHIN]
    return any(_is_header(_cells(line, file)) for line in lines)


def read_boris(file: Path, *, encoding: str = "utf-8") -> Annotations:
    """The segments of a project, of exported tabular events or of exported aggregated events (CSV or TSV), by the name
    of the video file; a behaviour's subject is the track, a point event a moment.

    UserError for a START without a STOP and the other way round, and for observations of several videos in a row,
    whose times run on.
    """
    if file.suffix.lower() == SUFFIX:
        return _paired(file, _project_events(file, encoding))
    table = _table(file, encoding)
    return segments_of(table) if "Start (s)" in table.header else _paired(file, _tabular_events(table))


def write_boris_project(path: str | Path, segments: dict[str, Sequence[Segment]], rates: dict[str, float]) -> Path:
    """A project that BORIS opens: an observation for each video, a behaviour for each label.

    segments: of each video, by the path that BORIS shall open. rates: frames a second, by the same names.
    """
    labels = sorted({segment.label for some in segments.values() for segment in some})
    states = {segment.label for some in segments.values() for segment in some if segment.stop > segment.start}
    tracks = sorted({segment.track for some in segments.values() for segment in some} - {""})
    project: dict[str, Any] = {
        "time_format": "s",
        "project_name": Path(path).stem,
        "project_date": "",
        "project_description": "",
        "project_format_version": "7.0",
        "behaviors_conf": {
            str(number): {
                "type": "State event" if label in states else "Point event",
                "key": "",
                "code": label,
                "description": "",
                "color": "",
                "category": "",
                "modifiers": {},
                "excluded": "",
                "coding map": "",
            }
            for number, label in enumerate(labels)
        },
        "subjects_conf": {str(n): {"key": "", "name": name, "description": ""} for n, name in enumerate(tracks)},
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
        "observations": {
            Path(video).stem: _observation(video, some, rates.get(video), states) for video, some in segments.items()
        },
    }
    write_text(path, json.dumps(project, indent=1, ensure_ascii=False))
    return Path(path)


def write_boris_table(path: str | Path, segments: dict[str, Sequence[Segment]], rates: dict[str, float]) -> Path:
    """A table of aggregated events with the columns that BORIS exports, for the programs that read those."""
    delimiter = "\t" if Path(path).suffix.lower() == ".tsv" else ","
    with open_atomic(path) as file:
        writer = csv.DictWriter(file, _AGGREGATED, delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        for video, some in segments.items():
            for segment in sorted(some, key=lambda s: (s.start, s.stop)):
                point = segment.start == segment.stop
                row = {
                    "Observation id": Path(video).stem,
                    "Source": f"player #1:{video}",
                    "FPS (frame/s)": f"{rates[video]:.3f}" if video in rates else "NA",
                    "Subject": segment.track or NOBODY,
                    "Behavior": segment.label,
                    "Behavior type": "POINT" if point else "STATE",
                    "Start (s)": f"{segment.start:.3f}",
                    "Stop (s)": f"{segment.stop:.3f}",
                    "Duration (s)": "NA" if point else f"{segment.stop - segment.start:.3f}",
                    "Media file name": video,
                }
                writer.writerow(row)
    return Path(path)


def _observation(video: str, segments: Sequence[Segment], rate: float | None, states: set[str]) -> dict[str, Any]:
    """A video with its events; a moment of a label that is a state elsewhere lasts one millisecond."""
    times = sorted(
        [(s.start, 1, s.track, s.label) for s in segments]
        # at one moment the old state ends before the new one begins
        + [(max(s.stop, s.start + 0.001), 0, s.track, s.label) for s in segments if s.label in states]
    )
    return {
        "file": {str(player): [video] if player == 1 else [] for player in range(1, 9)},
        "type": "MEDIA",
        "date": "2000-01-01T00:00:00",
        "description": "",
        "time offset": 0.0,
        "events": [[round(time, 3), track, label, "", "", "NA"] for time, _, track, label in times],
        "observation time interval": [0, 0],
        "independent_variables": {},
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {video: max((s.stop for s in segments), default=0.0)},
            "fps": {video: rate or 25.0},
            "hasVideo": {video: True},
            "hasAudio": {video: False},
            "offset": {"1": 0.0},
        },
    }


def _is_header(cells: Sequence[str]) -> bool:
    names = set(cells)
    return "Behavior" in names and (
        "Start (s)" in names or ("Time" in names and bool(names & {"Behavior type", "Status"}))
    )


def _cells(line: str, file: Path) -> list[str]:
    delimiter = "\t" if file.suffix.lower() == ".tsv" or "\t" in line else max(",;", key=line.count)
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _table(file: Path, encoding: str) -> Table:
    """The table of an export, wherever it begins."""
    lines = read_text(file, encoding).split("\n")
    at = next((row for row, line in enumerate(lines) if _is_header(_cells(line, file))), None)
    if at is None:
        raise UserError(
            f"{file.name}: no row with the columns Behavior and Start (s), or Time and Behavior type. Export the "
            "events from BORIS again, as tabular or aggregated events."
        )
    header = tuple(_cells(lines[at], file))
    rows = [(number, line) for number, line in enumerate(lines[at + 1 :], start=at + 2) if line.strip()]
    if not rows:
        raise UserError(f"{file.name}: no event in it. Export the events from BORIS again, or remove the file.")
    delimiter = "\t" if file.suffix.lower() == ".tsv" or "\t" in lines[at] else max(",;", key=lines[at].count)
    return Table(file, header, [line for _, line in rows], [number for number, _ in rows], delimiter)


def _tabular_events(table: Table) -> Iterable[_Event]:
    place = {name: index for index, name in enumerate(table.header)}
    video = next((place[name] for name in _VIDEO if name in place), None)
    kind = place.get("Behavior type", place.get("Status"))
    assert kind is not None
    offset = next((place[name] for name in place if name.startswith("Time offset")), None)
    for row, cells in enumerate(table.rows()):
        where = table.where(row)
        begun = read_time(cells[place["Time"]], where, "Time")
        if offset is not None and re.fullmatch(r"[\d.]+", cells[offset]):
            begun -= float(cells[offset])
        said = cells[kind].strip().upper()
        if said not in ("START", "STOP", "POINT"):
            raise UserError(f"{where}: '{said}' is none of START, STOP and POINT. Export the events from BORIS again.")
        about = re.sub(r"^player #1:\s*", "", cells[video].strip()) if video is not None else ""
        subject = cells[place["Subject"]].strip() if "Subject" in place else ""
        yield _Event(about, _subject(subject), cells[place["Behavior"]].strip(), said, begun, where)


def _project_events(file: Path, encoding: str) -> Iterable[_Event]:
    project = read_json(file, encoding)
    if not isinstance(project, dict) or "observations" not in project:
        raise UserError(f"{file.name}: no project of BORIS (no 'observations' in it).")
    points = {
        conf["code"]
        for conf in project.get("behaviors_conf", {}).values()
        if str(conf.get("type", "")).lower().startswith("point")
    }
    for name, observation in project["observations"].items():
        videos = [video for video in (observation.get("file") or {}).get("1", []) if video]
        if len(videos) > 1:
            raise UserError(
                f"{file.name}: the observation '{name}' is of {len(videos)} videos in a row, whose times run on. Make "
                "one observation for each video."
            )
        open_now: set[tuple[str, str, str]] = set()
        offset = float(observation.get("time offset") or 0)
        for number, event in enumerate(sorted(observation.get("events", []), key=lambda event: float(event[0])), 1):
            key = (str(event[1]), str(event[2]), str(event[3]) if len(event) > 3 else "")
            kind = "POINT" if key[1] in points else "STOP" if key in open_now else "START"
            open_now ^= {key} if kind != "POINT" else set()
            yield _Event(
                videos[0] if videos else name,
                _subject(key[0]),
                key[1],
                kind,
                float(event[0]) - offset,
                f"{file.name} observation '{name}' event {number}",
            )


def _paired(file: Path, events: Iterable[_Event]) -> Annotations:
    """Segments from rows that start, rows that stop, and points."""
    found = Annotations(file, {})
    begun: dict[tuple[str, str, str], _Event] = {}
    for event in events:
        key = (event.video, event.subject, event.behaviour)
        if event.kind == "START" and key in begun:
            raise UserError(
                f"{event.where}: '{event.behaviour}' starts at {event.time:g} s, but the START in {begun[key].where} "
                "has no STOP yet. Correct the events in BORIS (Check state events)."
            )
        if event.kind == "STOP" and key not in begun:
            raise UserError(
                f"{event.where}: '{event.behaviour}' stops at {event.time:g} s, but has not started. Correct the "
                "events in BORIS (Check state events)."
            )
        if event.kind == "START":
            begun[key] = event
            continue
        start = event if event.kind == "POINT" else begun.pop(key)
        segment = Segment(start.time, event.time, event.behaviour, event.subject, start.where)
        found.segments.setdefault(event.video, []).append(segment)
    if begun:
        event = next(iter(begun.values()))
        raise UserError(
            f"{event.where}: '{event.behaviour}' starts at {event.time:g} s and never stops. Correct the events in "
            "BORIS (Check state events)."
        )
    return found


def _subject(name: str) -> str:
    return "" if name == NOBODY else name
