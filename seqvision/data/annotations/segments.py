"""Stretches of time with a label, and the labels of frames: from one to the other and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from seqvision.errors import UserError

ALIGNMENTS = ("error", "truncate")


@dataclass(frozen=True)
class Segment:
    """Something that happens from `start` up to `stop`, in seconds (or in frames, where frames are counted).

    Where both are the same it is a moment. `track` is the tier, the subject or whatever else keeps labels apart;
    `observation` the session in which one person coded the video; `where` the file and the row for messages.
    """

    start: int | float
    stop: int | float
    label: str
    track: str = ""
    where: str = field(default="", compare=False)
    observation: str = field(default="", compare=False)


def in_seconds(segments: Sequence[Segment], rate: int | float) -> list[Segment]:
    """Segments that were counted in frames, in seconds at `rate` frames a second."""
    return [replace(segment, start=segment.start / rate, stop=segment.stop / rate) for segment in segments]


def frame_middles(length: int, rate: int | float) -> np.ndarray:
    """The middle of each frame in seconds: what decides whether a frame belongs to a segment."""
    return (np.arange(length) + 0.5) / rate


def check_lengths(
    segments: Sequence[Segment], length: int, rate: int | float, *, where: str, video: str, align: str = "error"
) -> str | None:
    """A sentence about segments that end after the video does, None where none does by more than a frame.

    UserError, with both lengths, unless align is "truncate"; and for a segment that ends before it begins.
    """
    for segment in segments:
        if not 0 <= segment.start <= segment.stop:
            raise UserError(
                f"{segment.where or where}: '{segment.label}' goes from {segment.start:g} to {segment.stop:g}, "
                "expected a start of 0 or later and an end not before it. Correct the row."
            )
    late = [segment for segment in segments if segment.stop > (length + 1) / rate]
    if not late:
        return None
    last = max(late, key=lambda segment: segment.stop)
    unit = "" if rate == 1 else f" ({length / rate:g} s)"
    end = f"{last.stop:g} s" if unit else f"frame {last.stop:g}"
    said = f"{last.where or where}: '{last.label}' ends at {end}, {video} has {length} frames{unit}"
    if align == "error":
        raise UserError(
            f"{said}: the labels are longer than the video. If they belong to it, end them where it ends with "
            "data.align=truncate; check the unit (data.unit=seconds or frames)."
        )
    return f"{said}: cut"


def owners(segments: Sequence[Segment], middles: np.ndarray, *, where: str = "the segments") -> np.ndarray:
    """For each frame the number of its segment, -1 where there is none; UserError where segments of two labels meet.

    A segment too short to hold the middle of any frame gets the frame in which it begins.
    """
    owner = np.full(len(middles), -1, dtype=np.int64)
    short = []
    for number, segment in enumerate(segments):
        first, last = covered(segment, middles)
        if not _holds_a_middle(segment, middles) and segment.stop > segment.start:
            short.append((number, first, last))
            continue
        others = [place for place in np.unique(owner[first:last]).tolist() if place >= 0]
        for place in others:
            other = segments[place]
            if other.label != segment.label:
                frame = first + int(np.flatnonzero(owner[first:last] == place)[0])
                raise UserError(
                    f"{where}: two labels for frame {frame}: {_said(other)} and {_said(segment)} overlap. Correct one "
                    "of them, choose a track with data.track=NAME, or allow several labels a frame with "
                    "data.multilabel=true."
                )
        owner[first:last] = number
    for number, first, last in short:
        owner[first:last] = number
    return owner


def covered(segment: Segment, middles: np.ndarray) -> tuple[int, int]:
    """The frames of a segment, from and up to: those whose middle lies in it, else the one in which it begins."""
    first, last = (int(np.searchsorted(middles, second, side="left")) for second in (segment.start, segment.stop))
    if first < last or not len(middles):
        return first, last
    # half a frame before the next middle is where a frame begins
    half = middles[0] if len(middles) == 1 else (middles[1] - middles[0]) / 2
    place = int(np.searchsorted(middles - half, segment.start + 1e-9, side="right")) - 1
    inside = segment.start <= middles[-1] + half
    return (max(0, place), max(0, place) + 1) if inside else (len(middles), len(middles))


def segments_to_frames(
    segments: Sequence[Segment],
    length: int,
    rate: int | float,
    classes: Sequence[str],
    *,
    multilabel: bool = False,
    background: str | None = None,
    align: str = "error",
    where: str = "the segments",
    video: str = "the video",
) -> np.ndarray:
    """The frames' classes (length,) as places among `classes`, or (length, classes) of 0 and 1 with `multilabel`.

    A frame belongs to a segment that its middle lies in. -1: nobody said; with `background` those frames get that class
    (with `multilabel`: no class at all). `rate` is 1 for segments counted in frames. UserError for overlapping segments
    of two labels without `multilabel`, for a label that is none of the classes, and for segments that end after the
    video by more than a frame, unless `align` is "truncate".
    """
    check_lengths(segments, length, rate, where=where, video=video, align=align)
    places = {name: place for place, name in enumerate(classes)}
    for segment in segments:
        if segment.label not in places:
            raise UserError(
                f"{segment.where or where}: label '{segment.label}' is none of the classes ({', '.join(classes)})."
            )
    middles = frame_middles(length, rate)
    if multilabel:
        return label_matrix(segments, middles, classes, known=background is not None)
    of = owners(segments, middles, where=where)
    names = np.array([places[segment.label] for segment in segments] or [0], dtype=np.int64)
    empty = places[background] if background is not None else -1
    return np.where(of >= 0, names[of], empty)


def label_matrix(
    segments: Sequence[Segment],
    middles: np.ndarray,
    classes: Sequence[str],
    *,
    known: bool = False,
    unknown: Sequence[Segment] = (),
) -> np.ndarray:
    """(frames, classes): 1 where it happens, 0 where something else does; where nothing does 0 if that is `known`,
    else -1, and -1 in the stretches that are `unknown`."""
    values = np.zeros((len(middles), len(classes)), dtype=np.int64)
    said = np.full(len(middles), known)
    places = {name: place for place, name in enumerate(classes)}
    for segment in segments:
        first, last = covered(segment, middles)
        values[first:last, places[segment.label]] = 1
        said[first:last] = True
    for segment in unknown:
        first, last = covered(segment, middles)
        said[first:last] = False
    values[~said] = -1
    return values


def frames_to_segments(
    labels: np.ndarray, rate: int | float, classes: Sequence[str], *, skip: Sequence[str] = ()
) -> list[Segment]:
    """The runs of equal labels as segments in seconds, in the order in which they begin.

    labels: (time,) places among `classes`, or (time, classes) of 0 and 1; below 0: nobody said, no segment. `skip`:
    classes that make none either, such as the background. With rate 1 the segments are counted in frames.
    """
    columns = [(labels == place) if labels.ndim == 1 else (labels[:, place] == 1) for place in range(len(classes))]
    found = []
    for name, active in zip(classes, columns, strict=True):
        if name in skip:
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
        found += [Segment(a / rate, b / rate, name) for a, b in edges.reshape(-1, 2).tolist()]
    return sorted(found, key=lambda segment: (segment.start, segment.stop))


def _holds_a_middle(segment: Segment, middles: np.ndarray) -> bool:
    first, last = (int(np.searchsorted(middles, second, side="left")) for second in (segment.start, segment.stop))
    return first < last


def _said(segment: Segment) -> str:
    place = f" ({segment.where})" if segment.where else ""
    return f"'{segment.label}' {segment.start:g} to {segment.stop:g}{place}"
