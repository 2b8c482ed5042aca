"""The files of a folder and its subfolders, and what of them is left out."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from seqvision.errors import UserError
from seqvision.wording import counted, some_of

_JUNK = {"thumbs.db", "desktop.ini", "ehthumbs.db"}  # what systems put beside images
_NAMES = {stat.S_ISFIFO: "a named pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}


@dataclass(frozen=True)
class Listing:
    """What `files_below` found, each in the order of the paths.

    Attributes:
        files: the files of the wanted kind
        others: visible files of other kinds
        left_out: what cannot be read, in sentences: broken links, pipes, folders without permission
    """

    files: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def notes(self, folder: Path, *, what: str) -> list[str]:
        """Sentences on what was left out. what: the wanted kind, in the plural."""
        names = [file.relative_to(folder).as_posix() for file in self.others]
        return [
            *self.left_out,
            *([f"left out {counted(len(names), 'file')}, no {what}: {some_of(names)}"] if names else []),
        ]


def files_below(folder: Path, wanted: Callable[[Path], bool]) -> Listing:
    """The files in a folder and below it, by whether they are `wanted`; hidden ones and systems' own are passed over.

    Linked folders are followed, each real folder is read once: a folder before links to it.
    """
    listing = Listing()
    seen: set[tuple[int, int]] = set()
    folders: list[Path] = [folder]
    links: list[Path] = []
    while folders or links:
        inside = folders.pop() if folders else links.pop(0)
        try:
            status = inside.stat()
            if (status.st_dev, status.st_ino) in seen:
                listing.left_out.append(f"{inside}: a link to a folder that is read already")
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(inside), key=lambda entry: entry.name)
        except OSError as error:
            listing.left_out.append(f"{inside}: the folder cannot be read ({error.strerror or error})")
            continue
        for entry in entries:
            if entry.name.startswith((".", "__MACOSX")) or entry.name.lower() in _JUNK:
                continue
            path = inside / entry.name
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(path)
            elif fault := irregular(path):
                listing.left_out.append(f"{path}: {fault}")
            else:
                (listing.files if wanted(path) else listing.others).append(path)
    return Listing(sorted(listing.files), sorted(listing.others), sorted(listing.left_out))


def irregular(path: Path) -> str:
    """Why a path is no regular file, as words for a message; empty if it is one."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "a link to nothing" if path.is_symlink() else f"cannot be read ({error.strerror or error})"
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    return next((name for test, name in _NAMES.items() if test(mode)), "no regular file")


def check_regular(path: Path) -> None:
    """UserError for a named pipe, a socket or a device: reading one may never end."""
    if path.exists() and (fault := irregular(path)):
        raise UserError(f"{path}: {fault}, expected a file. Leave it out, or copy what it gives into a file.")
