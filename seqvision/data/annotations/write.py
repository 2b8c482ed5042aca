"""Labels to files that people and other programs read: tables of segments and of frames, subtitles."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seqvision.data.annotations.segments import Segment


def write_segments(path: str | Path, segments: Mapping[str, Sequence[Segment]]) -> Path:
    """A table `file,start,end,label` with a row a segment, in seconds, and `track` where there are tracks: what
    `read_annotations` reads."""
    tracked = any(segment.track for some in segments.values() for segment in some)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=_delimiter(path), lineterminator="\n")
        writer.writerow(["file", "start", "end", "label", *(["track"] if tracked else [])])
        for video, some in segments.items():
            for segment in some:
                times = [f"{time:.6f}".rstrip("0").rstrip(".") for time in (segment.start, segment.stop)]
                writer.writerow([video, *times, segment.label, *([segment.track] if tracked else [])])
    return Path(path)


def write_frames(
    path: str | Path,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    rate: int | float | None = None,
    probabilities: np.ndarray | None = None,
) -> Path:
    """A table with a row a frame: `frame`, `time` (of a known rate), the label, and `p(NAME)` of each class if given.

    labels: (time,) places among the classes, -1 for none; or (time, classes) of 0 and 1, -1 where nobody said, which
    makes a column for each class in place of `label`.
    """
    several = labels.ndim == 2
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=_delimiter(path), lineterminator="\n")
        named = list(classes) if several else ["label"]
        clock = ["time"] if rate else []
        scores = [f"p({name})" for name in classes] if probabilities is not None else []
        writer.writerow(["frame", *clock, *named, *scores])
        for frame, label in enumerate(labels.tolist()):
            row = (
                [value if value >= 0 else "" for value in label] if several else [classes[label] if label >= 0 else ""]
            )
            seconds = [f"{frame / rate:.3f}"] if rate else []
            shares = [f"{p:.4f}" for p in probabilities[frame].tolist()] if probabilities is not None else []
            writer.writerow([frame, *seconds, *row, *shares])
    return Path(path)


def write_subtitles(path: str | Path, segments: Sequence[Segment]) -> Path:
    """WebVTT, which players show as subtitles of a video; segments in seconds, moments for half a second."""
    cues = []
    for segment in sorted(segments, key=lambda segment: (segment.start, segment.stop)):
        stop = segment.stop if segment.stop > segment.start else segment.start + 0.5
        cues.append(f"{_clock(segment.start)} --> {_clock(stop)}\n{_plain(segment.label)}\n")
    Path(path).write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")
    return Path(path)


def _delimiter(path: str | Path) -> str:
    return "\t" if Path(path).suffix.lower() == ".tsv" else ","


def _clock(seconds: float) -> str:
    """12.5 as 00:00:12.500."""
    whole = round(seconds * 1000)
    minutes, milliseconds = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"


def _plain(label: str) -> str:
    """A label as a cue's text: what would begin a tag or a note is written out."""
    return " ".join(label.split()).replace("&", "&amp;").replace("<", "&lt;").replace("-->", "--&gt;")
