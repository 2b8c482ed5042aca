"""Labels as projects and tables of BORIS."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqvision.data.annotations.boris_observations import NOBODY
from seqvision.data.annotations.segments import Segment
from seqvision.files import open_atomic, write_text

_AGGREGATED = (
    *("Observation id", "Source", "FPS (frame/s)", "Subject", "Behavior", "Behavior type", "Start (s)", "Stop (s)"),
    *("Duration (s)", "Media file name"),
)


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
