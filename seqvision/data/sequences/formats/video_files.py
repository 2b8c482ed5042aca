"""Which files of a folder are videos, and which of them a name in a table or a list means."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from seqvision.data.core.listing import files_below
from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.readers.stills import SUFFIXES as STILLS
from seqvision.errors import UserError
from seqvision.names import same_name

_SUFFIXES = (
    "mp4 m4v mov qt f4v 3gp 3g2 avi divx mkv mk3d webm nut mxf gxf wtv rm rmvb flv swf wmv asf ogv ogm "
    "mpg mpeg mpe vob m2p mts m2ts m2t ts trp m1v m2v mpv dv "
    "h261 h263 h264 264 avc h265 265 hevc av1 obu ivf mjpeg mjpg y4m gif apng"  # cameras write raw streams too
)
VIDEO_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split(" "))


def list_videos(path: str | Path | Sequence[str | Path]) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the videos by name: those of a folder and its subfolders, a single
    one, or a list of both. Where a folder holds none, its NumPy pictures are taken.

    UserError if there is nothing there, or no video.
    """
    given = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    found: dict[Path, None] = {}
    for one in given:
        if one.is_dir():
            inside = _below(one)
            if not inside:
                held = ", ".join(sorted(file.name for file in one.iterdir())[:8]) or "nothing"
                raise UserError(
                    f"{one}: no video in this folder or below it (it holds: {held}; looked for "
                    f"{' '.join(sorted(VIDEO_SUFFIXES | STILLS))})."
                )
            found.update(dict.fromkeys(inside))
        elif one.is_file():
            found[one] = None
        else:
            raise UserError(f"{one}: no such video or folder (looked from {Path.cwd()}).")
    if not found:
        raise UserError("no videos: the list is empty. Name a folder or files with data.path.")
    root = given[0] if len(given) == 1 and given[0].is_dir() else Path(os.path.commonpath([f.parent for f in found]))
    return root, list(found)


def _below(folder: Path) -> list[Path]:
    listing = files_below(folder, lambda file: file.suffix.lower() in VIDEO_SUFFIXES)
    return listing.files or [file for file in listing.others if file.suffix.lower() in STILLS]


def id_of(video: Path, root: Path) -> str:
    """The video's name inside the folder."""
    return Path(os.path.relpath(video, root)).as_posix()


def matching(name: str, ids: Iterable[str], where: str) -> str:
    """The video that a file means by a name: its path, its file name, or that without the ending.

    UserError if there is none, or if the name could mean several.
    """
    ids = list(ids)
    found = same_video(name, ids)
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{where}: '{name}' could be {found[0]} or {found[1]}. Write the whole path inside the folder.")
    raise UserError(
        f"{where}: no video '{name}' among the {len(ids)} that were found{did_you_mean(name, ids)}. Correct the name, "
        "or remove its rows."
    )


def same_video(name: str, ids: Iterable[str]) -> list[str]:
    """The videos that a name can mean: those of its path, else of its file name, else of that without the ending."""
    ids = list(ids)
    wanted = PurePosixPath(name.replace("\\", "/").removeprefix("./")).as_posix()
    found = ([one for one in ids if same_name(shortened(one), shortened(wanted))] for shortened in (str, _name, _stem))
    return next(filter(None, found), [])


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _stem(path: str) -> str:
    return PurePosixPath(path).stem
