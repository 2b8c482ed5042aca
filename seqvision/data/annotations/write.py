"""Labels as subtitles."""

from collections.abc import Sequence
from pathlib import Path

from seqvision.data.annotations.segments import Segment
from seqvision.files import write_text
from seqvision.wording import visible


def write_subtitles(path: str | Path, segments: Sequence[Segment]) -> Path:
    """WebVTT, which players show as subtitles of a video; segments in seconds, moments for half a second."""
    cues = []
    for segment in sorted(segments, key=lambda segment: (segment.start, segment.stop)):
        stop = segment.stop if segment.stop > segment.start else segment.start + 0.5
        cues.append(f"{_clock(segment.start)} --> {_clock(stop)}\n{_plain(segment.label)}\n")
    write_text(path, "\n".join(["WEBVTT\n", *cues]))
    return Path(path)


def _clock(seconds: float) -> str:
    """12.5 as 00:00:12.500."""
    whole = round(seconds * 1000)
    minutes, milliseconds = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"


def _plain(label: str) -> str:
    """A label as a cue's text: what would begin a tag or a note is written out."""
    return " ".join(visible(label).split()).replace("&", "&amp;").replace("<", "&lt;").replace("-->", "--&gt;")
