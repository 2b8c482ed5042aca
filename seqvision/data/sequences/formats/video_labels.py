"""Where the labels of videos are: a file for each, or one table for all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqvision.data.annotations.read import is_annotation, read_annotations
from seqvision.data.annotations.segments import Segment
from seqvision.data.annotations.tables import Annotations
from seqvision.data.formats.rows import did_you_mean, row_split
from seqvision.data.sequences.formats.video_files import matching
from seqvision.errors import UserError
from seqvision.wording import counted

FOLDERS = ("groundTruth", "labels", "annotations")
TABLES = ("segments", "annotations", "labels")
FRAME_SUFFIXES = (".txt", ".csv", ".tsv")


@dataclass(frozen=True)
class Labelled:
    """What says the labels of one video: a file with one for each frame, or (not None) segments from a file."""

    file: Path
    segments: list[Segment] | None = None
    unit: str = "seconds"


@dataclass(frozen=True)
class FoundLabels:
    """The labels of videos by their ids, and their splits and groups where a table says them."""

    of: dict[str, Labelled] = field(default_factory=dict)
    splits: dict[str, str | None] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def split(self, name: str) -> str | None:
        return self.splits.get(name)


def find_labels(
    root: Path,
    videos: Sequence[Path],
    ids: Sequence[str],
    *,
    given: str | Path | None = None,
    unit: str | None = None,
    track: str | None = None,
    encoding: str = "utf-8",
) -> FoundLabels:
    """The labels in the given folder or table; else in the folder's `groundTruth/` (or `labels/`, `annotations/`),
    beside the videos, or in its `segments.csv`; none where there are none.

    UserError if the place that was given does not exist, or if a video has labels in two files.
    """
    found = FoundLabels()
    place = Path(given) if given is not None else _usual(root, videos)
    if place is not None and place.is_file() and len(videos) == 1 and not is_annotation(place):
        found.of[ids[0]] = Labelled(place)
    elif place is not None and place.is_file():
        _from_table(read_annotations(place, unit=unit, encoding=encoding), ids, found)
    elif place is not None and not place.is_dir():
        raise UserError(f"data.labels: no file or folder '{place}' (looked from {Path.cwd()}).")
    else:
        _from_files(place, videos, ids, found, unit=unit, encoding=encoding)
    return _on_track(found, track) if track is not None else found


def _usual(root: Path, videos: Sequence[Path]) -> Path | None:
    """The usual folder or table with labels; None to look beside the videos."""
    folder = _folder(root)
    if folder is not None:
        return folder
    if any(_beside(video, video.parent) for video in videos):
        return None
    return _table(root)


def inside(folder: Path, videos: Sequence[Path]) -> Path:
    """Where the labels are in a folder that was named for them: in itself, else, as it is a data set's, in the usual
    place.
    """
    if any(_beside(video, folder) for video in videos):
        return folder
    return _folder(folder) or _table(folder) or folder


def _folder(root: Path) -> Path | None:
    return next((root / name for name in FOLDERS if (root / name).is_dir()), None)


def _table(root: Path) -> Path | None:
    for name in TABLES:
        for suffix in (".csv", ".tsv"):
            if (root / f"{name}{suffix}").is_file():
                return root / f"{name}{suffix}"
    return None


def _beside(video: Path, folder: Path) -> list[Path]:
    """The files of a folder with labels for a video: of its name, with another ending."""
    names = [folder / f"{stem}{suffix}" for stem in (video.stem, video.name) for suffix in FRAME_SUFFIXES]
    kinds = [file for file in sorted(folder.glob(f"{_escaped(video.stem)}.*")) if is_annotation(file)]
    return list(dict.fromkeys([file for file in [*names, *kinds] if file.is_file() and file != video]))


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _from_files(
    folder: Path | None,
    videos: Sequence[Path],
    ids: Sequence[str],
    found: FoundLabels,
    *,
    unit: str | None,
    encoding: str,
) -> None:
    used: dict[Path, str] = {}
    for video, name in zip(videos, ids, strict=True):
        inside = None if folder is None else folder / Path(name).parent
        files = _beside(video, video.parent if inside is None else inside) if inside is None or inside.is_dir() else []
        files = files or (_beside(video, folder) if folder is not None else [])
        if len(files) > 1:
            raise UserError(
                f"{name}: labels in two files, {files[0].name} and {files[1].name}. Remove one of them, or put those "
                "that count into a folder of their own and name it with data.labels."
            )
        if not files:
            continue
        (file,) = files
        if used.setdefault(file, name) != name:
            raise UserError(
                f"{file.name}: could be the labels of {used[file]} and of {name}. Name it after one of them, e.g. "
                f"{Path(name).name}{file.suffix}."
            )
        found.of[name] = _labelled(file, unit, encoding)
    if folder is not None and found.of:
        spare = [file.name for file in sorted(folder.iterdir()) if file.is_file() and file not in used]
        if spare:
            found.notes.append(
                f"labels: {counted(len(spare), 'file')} of no video in {folder.name}/, e.g. '{spare[0]}'"
            )
    if folder is not None and not found.of:
        held = ", ".join(sorted(file.name for file in folder.iterdir())[:5]) or "nothing"
        raise UserError(
            f"{folder}: no labels for any of {counted(len(ids), 'video')}, e.g. '{ids[0]}' (it holds: {held}). Call "
            f"the files as the videos, e.g. {Path(ids[0]).stem}.txt."
        )


def _labelled(file: Path, unit: str | None, encoding: str) -> Labelled:
    """A video's own file: its segments, whatever name the file gives to the video, or labels for its frames."""
    if not is_annotation(file):
        return Labelled(file)
    read = read_annotations(file, unit=unit, encoding=encoding)
    if len(read.segments) > 1:
        raise UserError(
            f"{file.name}: about {len(read.segments)} videos ({', '.join(list(read.segments)[:3])}), expected one. "
            f"Name it for all with data.labels={file.name}."
        )
    return Labelled(file, next(iter(read.segments.values()), []), read.unit)


def _from_table(read: Annotations, ids: Sequence[str], found: FoundLabels) -> None:
    for name, segments in read.segments.items():
        where = segments[0].where or read.file.name
        if not name and len(ids) > 1:
            raise UserError(
                f"{read.file.name}: no column says which video a row is about, and there are {len(ids)}. "
                "Add a column 'file'."
            )
        video = matching(name, ids, where) if name else ids[0]
        if video in found.of:
            raise UserError(f"{where}: '{name}' and another name above both mean {video}. Write it in one way.")
        found.of[video] = Labelled(read.file, segments, read.unit)
        if name in read.splits:
            found.splits[video] = row_split(read.splits[name], where)
        if name in read.groups:
            found.groups[video] = read.groups[name]


def _on_track(found: FoundLabels, track: str) -> FoundLabels:
    """Only the segments of one track."""
    tracks = sorted({s.track for labelled in found.of.values() for s in labelled.segments or () if s.track})
    if track not in tracks:
        raise UserError(
            f"data.track={track}: no such track (found: {', '.join(tracks) or 'none'}){did_you_mean(track, tracks)}."
        )
    for name, labelled in found.of.items():
        kept = [segment for segment in labelled.segments or () if segment.track == track]
        found.of[name] = Labelled(labelled.file, kept, labelled.unit)
    return found
