"""What is written for a labelled recording: tables of frames and segments, subtitles, annotations, a timeline."""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from seqvision.data import VideoReader
from seqvision.data.annotations import Segment, frames_to_segments, write_boris_project, write_elan, write_subtitles
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.records import Source
from seqvision.errors import UserError
from seqvision.files import open_atomic, short_name
from seqvision.wording import visible

FORMATS = {"frames": ".frames.csv", "segments": ".segments.csv", "vtt": ".vtt", "eaf": ".eaf", "boris": ".boris"}
IN_SECONDS = ("vtt", "eaf", "boris")  # kinds of files that know no frames


@dataclass(frozen=True)
class FoundSegment:
    """Frames `start` up to `stop` with a label, the place of its class, and the mean of its probability there."""

    start: int
    stop: int
    label: int
    probability: float


@dataclass(frozen=True, eq=False)
class Labelled:
    """A recording with its labels.

    name           of its files inside the folder that is written to, without an ending
    labels         (time,) places among the classes; (time, classes) of 0 and 1 where a frame may have several
    probabilities  (time, classes)
    edges          (time + 1,) seconds at which each frame begins and the last one ends; None: it has no clock
    """

    name: str
    source: Path
    classes: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    edges: np.ndarray | None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def multilabel(self) -> bool:
        return self.labels.ndim == 2

    @property
    def rate(self) -> float | None:
        """Frames a second, on average."""
        return None if self.edges is None else len(self) / float(self.edges[-1])

    @cached_property
    def certainty(self) -> np.ndarray:
        """The probability (time,) of what each frame is said to be; of several labels, of the least certain one."""
        if self.multilabel:
            return np.where(self.labels == 1, self.probabilities, 1 - self.probabilities).min(axis=1)
        return np.take_along_axis(self.probabilities, self.labels[:, None], axis=1)[:, 0]

    @cached_property
    def found(self) -> list[FoundSegment]:
        """The runs of equal labels in the order in which they begin."""
        places = {name: place for place, name in enumerate(self.classes)}
        runs = [
            (int(run.start), int(run.stop), places[run.label])
            for run in frames_to_segments(self.labels, 1, self.classes)
        ]
        return [FoundSegment(a, b, label, float(self.probabilities[a:b, label].mean())) for a, b, label in runs]

    @property
    def segments(self) -> list[Segment]:
        """The same in seconds, or in frames without a clock."""
        return [Segment(*self.between(one.start, one.stop), self.classes[one.label]) for one in self.found]

    def by_label(self) -> dict[str, tuple[int, float]]:
        """How many segments each label has that occurs, and how long they last, the longest first."""
        found: dict[str, tuple[int, float]] = {}
        for segment in self.segments:
            count, length = found.get(segment.label, (0, 0.0))
            found[segment.label] = (count + 1, length + segment.stop - segment.start)
        return dict(sorted(found.items(), key=lambda entry: -entry[1][1]))

    def between(self, start: int, stop: int) -> tuple[int | float, int | float]:
        """Frames from and up to, as seconds where there is a clock."""
        return (start, stop) if self.edges is None else (float(self.edges[start]), float(self.edges[stop]))


def frame_edges(
    reader: FrameReader, source: Source, frames: int, frame_rate: int | float | None = None
) -> np.ndarray | None:
    """When each of a source's frames begins and the last one ends, (frames + 1,) seconds; None where nobody says.

    A video has its own time stamps. Of features, and of pictures without a clock, `frame_rate` counts, else what the
    reader knows.
    """
    rate = frame_rate or (None if isinstance(reader, VideoReader) else reader.rate(source))
    if isinstance(reader, VideoReader):
        film = reader.recorded(source)
        if film.rate is not None and reader.frame_rate is None:
            return np.append(film.times[reader.frame_numbers(source)[:frames]], film.duration)
        rate = reader.rate(source) or (frame_rate / reader.stride if frame_rate else None)
        if rate and film.rate is not None:
            edges = np.arange(frames + 1) / rate
            edges[-1] = max(min(edges[-1], film.duration), edges[-2] + 1e-3)  # the last step may be cut short
            return edges
    return np.arange(frames + 1) / rate if rate else None


def write_labelled(labelled: Labelled, kind: str, path: Path, *, probabilities: bool = False) -> None:
    """One of `FORMATS` to the path, which is there whole or not at all. `probabilities`: of every class a frame."""
    if kind == "frames":
        _write_frames(labelled, path, probabilities=probabilities)
    elif kind == "segments":
        _write_segments(labelled, path)
    elif labelled.edges is None:
        raise UserError(
            f"{labelled.source}: no clock, so that its frames cannot be told in seconds, which .{kind} files need. "
            "Say the frames a second with --frame-rate, or take --formats frames,segments"
        )
    elif kind == "vtt":
        write_subtitles(path, labelled.segments)
    elif kind == "eaf":
        # annotations of one tier must not overlap: several labels a frame have a tier each
        tiers = [replace(one, track=one.label) if labelled.multilabel else one for one in labelled.segments]
        write_elan(path, tiers, video=labelled.source)
    else:
        film = str(labelled.source.absolute())
        write_boris_project(path, {film: labelled.segments}, {film: labelled.rate or 1.0})


def write_timeline(labelled: Labelled, path: Path, truth: np.ndarray | None = None) -> None:
    """The labels over time as a picture, above them the truth where it is known."""
    from seqvision.figures.save import save_image
    from seqvision.figures.timeline import timeline_figure

    rows, classes, background = _rows(labelled, truth)
    figure = timeline_figure(
        {visible(name): row for name, row in rows.items()},
        [visible(name) for name in classes],
        frames_per_second=labelled.rate,
        confidence=labelled.certainty,
        title=visible(labelled.source.name),
        background=background,
    )
    save_image(figure, path)


def _rows(labelled: Labelled, truth: np.ndarray | None) -> tuple[dict[str, np.ndarray], tuple[str, ...], str]:
    """A row for the labels, or one for each label where a frame may have several, and the truth above each."""
    if not labelled.multilabel:
        known = {} if truth is None else {"truth": truth}
        return {**known, "prediction": labelled.labels}, labelled.classes, "background"
    absent = len(labelled.classes)
    rows = {}
    for place, name in enumerate(labelled.classes):
        if truth is not None:
            rows[f"{name}, truth"] = np.where(truth[:, place] == 1, place, np.where(truth[:, place] == 0, absent, -1))
        rows[name] = np.where(labelled.labels[:, place] == 1, place, absent)
    return rows, (*labelled.classes, "absent"), "absent"


def _write_frames(labelled: Labelled, path: Path, *, probabilities: bool) -> None:
    several = labelled.multilabel
    clock = [] if labelled.edges is None else ["seconds"]
    said = list(labelled.classes) if several else ["label", "probability"]
    shares = [f"p({name})" for name in labelled.classes] if probabilities else []
    with open_atomic(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["frame", *clock, *said, *shares])
        for frame, label in enumerate(labelled.labels.tolist()):
            seconds = [] if labelled.edges is None else [f"{labelled.edges[frame]:.3f}"]
            what = label if several else [labelled.classes[label], f"{labelled.certainty[frame]:.4f}"]
            each = [f"{share:.4f}" for share in labelled.probabilities[frame].tolist()] if probabilities else []
            writer.writerow([frame, *seconds, *what, *each])


def _write_segments(labelled: Labelled, path: Path) -> None:
    in_frames = labelled.edges is None
    with open_atomic(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(["start_frame", "end_frame"] if in_frames else ["start", "end"]), "label", "probability"])
        for one in labelled.found:
            times = [str(time) if in_frames else f"{time:.3f}" for time in labelled.between(one.start, one.stop)]
            writer.writerow([*times, labelled.classes[one.label], f"{one.probability:.4f}"])


def write_video(labelled: Labelled, path: Path, reader: VideoReader, truth: np.ndarray | None = None) -> None:
    """The video with its labels drawn in, those of the truth beside them."""
    from seqvision.figures.video import write_labelled_video

    write_labelled_video(labelled.source, labelled.labels, labelled.classes, path, reader=reader, truth=truth)


def names_of(sources: Sequence[tuple[Path, Path]]) -> list[str]:
    """A name for each (folder that was given, file in it), without its ending: the path inside the folder. Where two
    would have the same, their paths from the folder common to all, with their endings if need be.
    """
    files = [file.absolute() for _, file in sources]
    common = os.path.commonpath([file.parent for file in files]) if files else ""
    inside = [file.relative_to(folder) for folder, file in sources]
    ways = (
        [path.with_suffix("").as_posix() for path in inside],
        [Path(os.path.relpath(file, common)).with_suffix("").as_posix() for file in files],
        [Path(os.path.relpath(file, common)).as_posix() for file in files],
    )
    names = ways[0]
    for way in ways[1:]:
        often = Counter(names)
        names = [other if often[name] > 1 else name for name, other in zip(names, way, strict=True)]
    return ["/".join(short_name(part) for part in name.split("/")) for name in names]
