"""What a model of sequences is to read: files, folders and names on standard input."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqvision.cli.reading import PREFIX, as_options
from seqvision.errors import UserError
from seqvision.files import short_name

if TYPE_CHECKING:
    from seqvision.data.sequences.readers.base import FrameReader

FEATURES = (".npy", ".csv", ".tsv")


def named_sources(arguments: Iterable[str], reader: "FrameReader") -> list[tuple[Path, Path]]:
    """(folder, file) of the files that are named and of those in the named folders that the reader can mean, each once,
    and of those named on standard input for "-", as often as they are: what reads the answers line by line must find
    one for each of its names. The folder is the one that was named, or that a named file lies in.

    A file that is missing is left in, to be reported with the unreadable ones. Raises `UserError` where there are
    none at all.
    """
    return _named_files(arguments, lambda folder: _inside(folder, reader), what="files")


def named_pictures(arguments: Iterable[str]) -> list[Path]:
    """The same of pictures, without their folders."""
    from seqvision.data import list_pictures

    return [picture for _, picture in _named_files(arguments, list_pictures, what="pictures")]


def _named_files(
    arguments: Iterable[str], inside: Callable[[Path], Iterable[Path]], *, what: str
) -> list[tuple[Path, Path]]:
    arguments = list(arguments)
    for argument in arguments:
        if argument.startswith(PREFIX) and "=" in argument and not Path(argument).exists():
            raise UserError(f"no file has this name; how files are read is said with --set {argument}")
    found: list[tuple[Path, Path]] = []
    known: set[Path] = set()
    for argument in arguments:
        for path in map(Path, names_of_input() if argument == "-" else [argument]):
            folder, files = (path, inside(path)) if path.is_dir() else (path.parent, [path])
            new = [(folder, file) for file in files if argument == "-" or file not in known]
            found += new
            known.update(file for _, file in new)
    if not found:
        raise UserError(f"no {what}: standard input named none; expected one name a line")
    return found


def said_of(file: Path, error: UserError) -> str:
    """What is wrong with a file, beginning with its whole path: of two in different folders, which."""
    said = as_options(str(error))
    return f"{file}{said.removeprefix(file.name)}" if said.startswith(file.name) else _named(file, said)


def _named(file: Path, said: str) -> str:
    return said if str(file) in said else f"{file}: {said}"


def _inside(folder: Path, reader: "FrameReader") -> list[Path]:
    from seqvision.data import PictureReader, VideoReader, list_pictures
    from seqvision.data.sequences.formats.video_files import list_videos

    if isinstance(reader, VideoReader):
        return list_videos(folder)[1]
    if isinstance(reader, PictureReader):
        return list_pictures(folder)
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in FEATURES and file.is_file())
    shown = [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    if not shown:
        raise UserError(f"{folder}: no file of features in this folder or below it (looked for {' '.join(FEATURES)})")
    return shown


def drawn_names(pictures: Sequence[Path], *, taken: Sequence[str] = ()) -> dict[Path, str]:
    """What is drawn of each picture is called: by its own name, with those of its folders where two would be alike, or
    where the name is taken.
    """
    names: dict[Path, str] = {}
    for depth in range(1, 1 + max(len(path.parts) for path in pictures)):
        left = [path for path in pictures if path not in names]
        said = {path: "_".join(path.with_suffix("").parts[-depth:]).replace("/", "") for path in left}
        counts = Counter(said.values())
        names |= {
            path: name for path, name in said.items() if counts[name] == 1 and name not in [*names.values(), *taken]
        }
    return {path: short_name(names.get(path, "_".join(path.parts).replace("/", ""))) for path in pictures}


def names_of_input() -> Iterator[str]:
    """The names on standard input, one a line, whatever bytes they are; blank lines are passed over."""
    from seqvision.data.core.text import text_lines

    return filter(None, text_lines(sys.stdin.buffer, errors="surrogateescape"))
