"""What BORIS exports and keeps: tabular events (START, STOP and POINT rows), aggregated events, projects (.boris)."""

from pathlib import Path

from seqvision.data.annotations.annotations import Annotations
from seqvision.data.annotations.boris_exports import is_boris_export, read_boris_export
from seqvision.data.annotations.boris_projects import read_boris_project

SUFFIX = ".boris"


def is_boris(file: Path) -> bool:
    """Whether a file is a project of BORIS, or a table that it exported."""
    return file.suffix.lower() == SUFFIX or is_boris_export(file)


def read_boris(file: Path, *, encoding: str = "utf-8") -> Annotations:
    """The segments of a project or an export, by the name of the video file; a behaviour's subject is the track.

    Times are those of the video: without the observation's time offset, and where videos were coded one after another,
    each on its own clock. What cannot be placed so is a fault of its observation.
    """
    read = read_boris_project if file.suffix.lower() == SUFFIX else read_boris_export
    return read(file, encoding=encoding)
