"""Observations of BORIS: events become segments on the clock of the video in which they happen, as BORIS pairs them."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from seqvision.data.annotations.annotations import Annotations, Fault
from seqvision.data.annotations.segments import Segment
from seqvision.errors import UserError

NOBODY = "No focal subject"  # BORIS's word for events without a subject
_DIGITS = 6  # digits of a second; BORIS keeps three, and differences of these are no longer exact


@dataclass(frozen=True)
class Observation:
    """One session: whose videos were coded, and how its clock runs against theirs.

    media    the files of player 1, which are shown one after another; the times of events run on over all of them
    lengths  of the media in seconds, as BORIS sums them; None where the file does not say
    offset   what BORIS added to every time
    """

    name: str
    media: tuple[str, ...]
    lengths: tuple[float, ...] | None = None
    offset: float = 0.0

    @property
    def videos(self) -> tuple[str, ...]:
        """The names that the segments go by: the files, or the observation's own where it has none."""
        return self.media or (self.name,)

    def cut(self, start: float, stop: float) -> Iterator[tuple[str, float, float]]:
        """The video, start and stop of each part of a stretch: a part for each of the videos that it touches."""
        start, stop = start - self.offset, stop - self.offset
        if len(self.videos) == 1:
            yield self.videos[0], round(start, _DIGITS), round(stop, _DIGITS)
            return
        assert self.lengths is not None
        ends = [math.fsum(self.lengths[: place + 1]) for place in range(len(self.lengths))]
        begins = [0.0, *ends[:-1]]
        # what lies outside of all of them stays with the first or the last, where its time shows that it is off
        bounds = zip([-math.inf, *ends[:-1]], [*ends[:-1], math.inf], strict=True)
        for video, begin, (low, high) in zip(self.media, begins, bounds, strict=True):
            first, last = max(start, low), min(stop, high)
            if first < last or (start == stop and low <= start < high):
                yield video, round(first - begin, _DIGITS), round(last - begin, _DIGITS)


class Event(NamedTuple):
    """A row of an export, or an entry of a project. kind: START, STOP or POINT."""

    observation: Observation
    subject: str
    behaviour: str
    modifiers: str
    kind: str
    time: float
    where: str


class Bout(NamedTuple):
    """A behaviour from its start to its stop, on the observation's clock."""

    observation: Observation
    subject: str
    behaviour: str
    start: float
    stop: float
    where: str


def paired(file: Path, events: Iterable[Event], faults: Iterable[Fault] = ()) -> Annotations:
    """Segments from events that start, stop and happen at a moment.

    A stop belongs to the start of the same observation, subject, behaviour and modifiers. Events without a partner are
    a fault of their observation and subject.
    """
    bouts: list[Bout] = []
    found = list(faults)
    begun: dict[tuple[str, str, str, str], Event] = {}
    for event in events:
        key = (event.observation.name, event.subject, event.behaviour, event.modifiers)
        if event.kind == "START" and key in begun:
            before = begun[key].where
            found.append(_fault(event, f"starts at {event.time:g} s, but the START in {before} has no STOP yet"))
        elif event.kind == "STOP" and key not in begun:
            found.append(_fault(event, f"stops at {event.time:g} s, but has not started"))
        elif event.kind == "START":
            begun[key] = event
        else:
            start = event if event.kind == "POINT" else begun.pop(key)
            bouts.append(Bout(*start[:3], start.time, event.time, start.where))
    found += [_fault(event, f"starts at {event.time:g} s and never stops") for event in begun.values()]
    return annotations_of(file, bouts, found)


def annotations_of(file: Path, bouts: Iterable[Bout], faults: Iterable[Fault] = ()) -> Annotations:
    """The bouts as segments of the videos in which they happen."""
    found = Annotations(file, {}, faults=tuple(faults))
    for bout in bouts:
        for video, start, stop in bout.observation.cut(bout.start, bout.stop):
            segment = Segment(start, stop, bout.behaviour, bout.subject, bout.where, bout.observation.name)
            found.segments.setdefault(video, []).append(segment)
    for fault in found.faults:
        for video in fault.videos:
            found.segments.setdefault(video, [])
    return found


def subject_of(name: str) -> str:
    """The track of a subject's events."""
    return "" if name == NOBODY else name


def runs_on(file: Path, name: str, media: tuple[str, ...]) -> UserError:
    """What is wrong with several videos in a row whose lengths are not known."""
    return UserError(
        f"{file.name}: the observation '{name}' is of {len(media)} videos in a row, whose times run on "
        f"({', '.join(media[:3])}{', …' if len(media) > 3 else ''}), and the file does not say how long each of them "
        "is. Use the project (.boris), or make one observation for each video."
    )


def _fault(event: Event, problem: str) -> Fault:
    about = f"'{event.behaviour}'" + (f" ({event.modifiers})" if event.modifiers else "")
    return Fault(
        f"{event.where}: {about} {problem}. Correct the events in BORIS (Check state events).",
        event.observation.videos,
        event.subject,
        event.observation.name,
    )
