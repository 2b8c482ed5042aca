"""What one file of annotations holds: segments by video, track and observation, and what in it cannot be used."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from seqvision.data.annotations.segments import Segment
from seqvision.data.formats.rows import did_you_mean
from seqvision.errors import UserError
from seqvision.names import Name, one_meant


@dataclass(frozen=True)
class Fault:
    """Why a part of a file cannot be used. It is raised where that part is asked for, and nowhere else.

    videos: those that it concerns, empty for all of the file. track: None for all of them.
    """

    message: str
    videos: tuple[str, ...] = ()
    track: str | None = None
    observation: str = ""


@dataclass(frozen=True)
class Annotations:
    """The segments of one file by the video that they are about, "" where the file does not say.

    unit          "seconds" or "frames"
    splits, groups  of the videos, where the file says them
    tracks        the names of all tiers or subjects, with segments or without
    media         the names of the videos that the file belongs to, where the segments do not say it
    faults        what cannot be used
    notes         what a user should know about how the file was read
    """

    file: Path
    segments: dict[str, list[Segment]]
    unit: str = "seconds"
    splits: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    tracks: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    def all_tracks(self) -> set[str]:
        """The tracks that have a name."""
        found = {segment.track for some in self.segments.values() for segment in some}
        return {*self.tracks, *found, *(fault.track or "" for fault in self.faults)} - {""}

    def observations(self, video: str | None = None) -> set[str]:
        """The observations that have a name, of one video or of all."""
        about = self.segments if video is None else [video]
        some = [segment for name in about for segment in self.segments.get(name, [])]
        faults = [fault for fault in self.faults if video is None or video in fault.videos]
        return {*(segment.observation for segment in some), *(fault.observation for fault in faults)} - {""}

    def where(self, wanted: Callable[[Segment | Fault], bool]) -> "Annotations":
        """Only the segments and faults that are wanted; videos keep their place, if without segments."""
        kept = {video: [segment for segment in some if wanted(segment)] for video, some in self.segments.items()}
        return replace(self, segments=kept, faults=tuple(fault for fault in self.faults if wanted(fault)))

    def checked(self, video: str | None = None) -> "Annotations":
        """Itself. Raises the first fault that concerns the video; None: any fault."""
        for fault in self.faults:
            if video is None or not fault.videos or video in fault.videos:
                raise UserError(fault.message)
        return self


@dataclass(frozen=True)
class Choice:
    """Which of the tracks and observations count: `data.track` and `data.observation`.

    track        the one tier or subject, or the one observation; None: all
    observation  the id of an observation, with * for any letters (`*_anna`), or a list of these; None: all, of which
                 each video may have one
    lenient      names that no file knows are passed over
    """

    track: Name = None
    observation: Name | Sequence[Name] = None
    lenient: bool = False

    def of(self, files: Sequence[Annotations]) -> list[Annotations]:
        """What is left of each file. Raises UserError for a name that no file knows, and for a video with several
        observations of which none was chosen."""
        tracks = set().union(*(file.all_tracks() for file in files))
        observations = set().union(*(file.observations() for file in files))
        track = None if self.track is None else one_meant(self.track, sorted(tracks | observations))
        asked = self.observation
        given: list[Any] = [asked] if isinstance(asked, str) or not isinstance(asked, Sequence) else list(asked)
        patterns = [one_meant(one, sorted(observations)) for one in given if one is not None]
        if track is not None and track not in tracks and track in observations:
            patterns, track = [track], None
        unknown = [one for one in patterns if not any(fnmatchcase(name, one) for name in observations)]
        if unknown and not self.lenient:
            raise UserError(_unknown("observation", unknown[0], observations))
        if track is not None and track not in tracks and not self.lenient:
            raise UserError(_unknown("track", track, tracks))
        patterns = [one for one in patterns if one not in unknown]
        track = track if track in tracks else None
        kept = [
            file.where(
                lambda one: (
                    (track is None or one.track in (track, None))
                    and (not patterns or any(fnmatchcase(one.observation, pattern) for pattern in patterns))
                )
            )
            for file in files
        ]
        return kept if patterns else [one_observation(file) for file in kept]


def one_observation(file: Annotations) -> Annotations:
    """The file, with a fault for each video that several of its observations are about."""
    faults = []
    for video in file.segments:
        several = sorted(file.observations(video))
        if len(several) > 1:
            about = video or "the video"
            faults.append(
                Fault(
                    f"{file.file.name}: {about} has {len(several)} observations ({', '.join(several)}). Choose one "
                    f"with data.observation={several[0]}, or several with data.observation=[{','.join(several)}].",
                    (video,),
                )
            )
    return replace(file, faults=(*faults, *file.faults))


def _unknown(key: str, name: str, known: Iterable[str]) -> str:
    listed = sorted(known)
    return f"data.{key}={name}: no such {key} (found: {', '.join(listed) or 'none'}){did_you_mean(name, listed)}."
