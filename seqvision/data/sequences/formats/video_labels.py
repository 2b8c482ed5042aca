"""Where the labels of videos are: a file for each, or one table for all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqvision.data.annotations.annotations import Annotations, Choice
from seqvision.data.annotations.read import is_annotation, open_annotations
from seqvision.data.annotations.segments import Segment
from seqvision.data.core.faults import each
from seqvision.data.core.file_names import NamedFiles
from seqvision.data.formats.rows import row_split
from seqvision.data.sequences.formats.video_files import matching, same_video
from seqvision.errors import UserError
from seqvision.names import composed
from seqvision.wording import counted

FOLDERS = ("groundTruth", "labels", "annotations")
TABLES = ("segments", "annotations", "labels", "events")
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
    choice: Choice | None = None,
    encoding: str = "utf-8",
    others: bool = False,
) -> FoundLabels:
    """The labels in the given folder or table; else in the folder's `groundTruth/` (or `labels/`, `annotations/`),
    beside the videos, or in its `segments.csv`; none where there are none.

    choice: the tracks and observations that count. others: the table may be about further videos, which are let be.

    Raises UserError if the place that was given does not exist, if a video has labels in two files, and for what in the
    files of these videos cannot be used.
    """
    found = FoundLabels()
    choice = choice or Choice()
    place = Path(given) if given is not None else _usual(root, videos)
    if place is not None and place.is_file() and len(videos) == 1 and not is_annotation(place):
        found.of[ids[0]] = Labelled(place)
    elif place is not None and place.is_file():
        (read,) = choice.of([open_annotations(place, unit=unit, encoding=encoding)])
        _from_table(read, ids, found, others=others)
    elif place is not None and not place.is_dir():
        raise UserError(f"data.labels: no file or folder '{place}' (looked from {Path.cwd()}).")
    else:
        _from_files(place, videos, ids, found, choice, unit=unit, encoding=encoding)
    return found


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
    files, begin = NamedFiles(), composed(video.stem) + "."
    names = [f"{stem}{suffix}" for stem in (video.stem, video.name) for suffix in FRAME_SUFFIXES]
    # DeepEthogram's labels, and BIDS's events, which share all of a recording's name but its last part
    names += [f"{video.stem}_labels.csv"]
    names += [f"{stem}_events.tsv" for stem in (video.stem, video.stem.rpartition("_")[0]) if stem]
    named = [files.find(folder, name) for name in names]
    alike = [file for file in sorted(folder.iterdir()) if composed(file.name).startswith(begin) and file.is_file()]
    kinds = [file for file in alike if is_annotation(file)]
    return list(dict.fromkeys([file for file in [*named, *kinds] if file is not None and file != video]))


def _from_files(
    folder: Path | None,
    videos: Sequence[Path],
    ids: Sequence[str],
    found: FoundLabels,
    choice: Choice,
    *,
    unit: str | None,
    encoding: str,
) -> None:
    used: dict[Path, str] = {}
    read: dict[str, Annotations] = {}
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
        found.of[name] = Labelled(file)
        if is_annotation(file):
            with each():
                read[name] = open_annotations(file, unit=unit, encoding=encoding)
    for (name, own), chosen in zip(read.items(), choice.of(list(read.values())), strict=True):
        with each():
            found.of[name] = Labelled(own.file, _own_segments(chosen, name), own.unit)
        found.notes.extend(own.notes)
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


def _own_segments(read: Annotations, video: str) -> list[Segment]:
    """The segments of a video's own file, whatever name the file gives to it."""
    about = list(read.segments)
    if len(about) > 1:
        ids = [video]
        about = [name for name in about if same_video(name, ids)]
    if len(about) > 1 or (read.segments and not about):
        names = list(read.segments)
        raise UserError(
            f"{read.file.name}: about {len(names)} videos ({', '.join(names[:3])}), expected one, or one that is "
            f"called {Path(video).name}. Name it for all with data.labels={read.file.name}."
        )
    read.checked(about[0] if about else None)
    return read.segments[about[0]] if about else []


def _from_table(read: Annotations, ids: Sequence[str], found: FoundLabels, *, others: bool) -> None:
    """The segments of a file that is about several videos. `others`: those that are not among the ids are let be."""
    about = dict(read.segments)
    if "" in about and len(ids) > 1 and read.media:
        about.update(dict.fromkeys(read.media, about.pop("")))
        others = True
    let_be: list[str] = []
    for name, segments in about.items():
        where = segments[0].where if segments and segments[0].where else read.file.name
        if not name and len(ids) > 1:
            raise UserError(
                f"{read.file.name}: no column says which video a row is about, and there are {len(ids)}. "
                "Add a column 'file'."
            )
        if name and not same_video(name, ids) and (others or not segments):
            let_be.append(name)
            continue
        with each():
            video = matching(name, ids, where) if name else ids[0]
            read.checked(name)
            if video in found.of:
                raise UserError(f"{where}: '{name}' and another name above both mean {video}. Write it in one way.")
            found.of[video] = Labelled(read.file, segments, read.unit)
            if name in read.splits:
                found.splits[video] = row_split(read.splits[name], where)
            if name in read.groups:
                found.groups[video] = read.groups[name]
    if let_be and not found.of:
        read.checked()
    if let_be:
        found.notes.append(
            f"labels: {read.file.name} is about {counted(len(let_be), 'further video')} too, e.g. '{let_be[0]}'"
        )
    found.notes.extend(read.notes)
