"""Tables with a segment a row: start, end or duration, label, and the video where one table serves for many."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seqvision.data.annotations.annotations import Annotations
from seqvision.data.annotations.segments import Segment
from seqvision.data.annotations.times import read_time
from seqvision.data.sequences.formats.table import GROUP_NAMES, LABEL_NAMES, SPLIT_NAMES, Table, read_table
from seqvision.errors import UserError
from seqvision.wording import counted

UNITS = ("seconds", "frames")
START_NAMES = (
    *(
        "start",
        "start_time",
        "start_s",
        "start_seconds",
        "start (s)",
        "begin",
        "begin_time",
        "onset",
        "from",
        "t_start",
    ),
    *("start_frame", "frame_start", "start (frame)", "start frame", "begin_frame"),
)
STOP_NAMES = (
    *("end", "stop", "end_time", "stop_time", "end_s", "stop_s", "end_seconds", "end (s)", "stop (s)", "offset", "to"),
    *("t_end", "end_frame", "stop_frame", "frame_end", "end (frame)", "stop (frame)", "end frame", "stop frame"),
)
DURATION_NAMES = ("duration", "duration_s", "duration (s)", "length", "duration_frames")
SEGMENT_LABELS = (*LABEL_NAMES, "trial_type", "event", "annotation", "name", "text", "code")
VIDEO_NAMES = (
    *("file", "video", "filename", "file_name", "video_file", "clip", "path", "recording", "media"),
    *("media file name", "media file path", "media file", "source", "stim_file"),
)
_NO_VALUE = ("", "NA", "n/a")  # n/a as BIDS writes it
TRACK_NAMES = ("track", "tier", "subject")


def has_segments(header: Sequence[str]) -> bool:
    """Whether a table's columns say when something begins, and when it ends or how long it takes."""
    names = {name.strip().lower() for name in header}
    return bool(names & {*START_NAMES}) and bool(names & {*STOP_NAMES, *DURATION_NAMES})


def read_segment_table(file: Path, *, unit: str | None = None, encoding: str = "utf-8") -> Annotations:
    """The segments of a CSV or TSV with the columns start, end (or stop, or duration) and label.

    A column `file` (or video, clip, …) says which video a row is about, `track` (tier, subject) keeps labels apart,
    `split` and `group` are the video's. unit: "seconds" (12.5, or 0:01:02.5) or "frames", from and up to; None: frames
    if the columns are called so (start_frame), else seconds.
    """
    return segments_of(read_table(file, encoding=encoding), unit=unit)


def segments_of(table: Table, *, unit: str | None = None) -> Annotations:
    """As `read_segment_table`, of a table that was read."""
    if unit not in (None, *UNITS):
        raise UserError(f"data.unit is '{unit}', expected one of {', '.join(UNITS)}")
    start = table.need(None, START_NAMES, "start", "a column 'start'")
    stop = table.find(None, STOP_NAMES, "end", "")
    duration = table.find(None, DURATION_NAMES, "duration", "")
    if stop is None and duration is None:
        raise UserError(
            f"{table.file.name}: no column for the end or the duration (found: {', '.join(table.header)}). "
            "Call one 'end' or 'duration'."
        )
    label = table.need(None, SEGMENT_LABELS, "label", "a column 'label'")
    video = table.find(None, [name for name in VIDEO_NAMES if name != label.lower()], "video", "")
    track = table.find(None, TRACK_NAMES, "track", "")
    place = {name: index for index, name in enumerate(table.header)}
    found = Annotations(table.file, {}, unit or ("frames" if "frame" in start.lower() else "seconds"))
    said = [(kind, table.find(None, names, "", "")) for kind, names in (("split", SPLIT_NAMES), ("group", GROUP_NAMES))]
    nameless = 0
    for row, cells in enumerate(table.rows()):
        where = table.where(row)
        name = cells[place[label]].strip()
        if name == "n/a":
            nameless += 1
            continue
        begin = read_time(cells[place[start]], where, start)
        if stop is not None and cells[place[stop]].strip() not in _NO_VALUE:
            end = read_time(cells[place[stop]], where, stop)
        elif duration is not None and cells[place[duration]].strip() not in _NO_VALUE:
            end = begin + read_time(cells[place[duration]], where, duration)
        else:
            end = begin
        if end < begin:
            raise UserError(f"{where}: ends at {end:g}, before it starts at {begin:g}. Correct the row.")
        if not name:
            raise UserError(f"{where}: no label in column '{label}'. Write one, or remove the row.")
        about = cells[place[video]].strip() if video else ""
        of = cells[place[track]].strip() if track else ""
        found.segments.setdefault(about, []).append(Segment(begin, end, name, of, where))
        for kind, column in said:
            if column is not None and column != track and cells[place[column]].strip():
                _say(
                    found.splits if kind == "split" else found.groups, about, cells[place[column]].strip(), where, kind
                )
    if not nameless:
        return found
    return replace(
        found, notes=(f"labels: {counted(nameless, 'row')} of {table.file.name} left out, whose {label} is n/a",)
    )


def _say(of: dict[str, str], video: str, value: str, where: str, kind: str) -> None:
    if of.setdefault(video, value) != value:
        raise UserError(f"{where}: the {kind} of '{video}' is '{value}' here and '{of[video]}' above. Correct one.")
