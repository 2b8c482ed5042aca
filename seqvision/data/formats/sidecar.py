"""A folder of pictures with a text file beside each: `dog.jpg`, `dog.txt`; every line is a caption."""

from dataclasses import replace
from pathlib import Path

from seqvision.data.core.text import read_text
from seqvision.data.formats.rows import Layout, ReadOptions, Row
from seqvision.data.pictures import pictures_below
from seqvision.data.splits import split_name
from seqvision.errors import UserError

_SUFFIXES = (".txt", ".caption")


def find(source: Path, options: ReadOptions) -> list[Path]:
    """The folder itself, if at least one picture in it has a text beside it."""
    if source.is_dir() and any(_text(picture) for picture in pictures_below(source).files):
        return [source]
    return []


def _text(picture: Path) -> Path | None:
    """The caption file of a picture: dog.txt or dog.jpg.txt for dog.jpg."""
    names = [picture.with_suffix(suffix) for suffix in _SUFFIXES] + [Path(f"{picture}{suffix}") for suffix in _SUFFIXES]
    return next((name for name in names if name.is_file()), None)


def read(files: list[Path], options: ReadOptions) -> list[Row]:
    """The rows of a folder with its subfolders, which are splits if all pictures lie in train, val and test."""
    (folder,) = files
    pictures = pictures_below(folder).files
    tops = [picture.relative_to(folder).parts[0] for picture in pictures]
    by_folder = all(split_name(top) for top in tops) and len(set(tops)) > 1
    rows: list[Row] = []
    used: set[Path] = set()
    for picture, top in zip(pictures, tops, strict=True):
        name = picture.relative_to(folder).as_posix()
        split = split_name(top) if by_folder else None
        text = _text(picture)
        if text is None:
            rows.append(Row(name, None, split, f"{name} (no {picture.stem}.txt beside it)"))
            continue
        if text in used:
            raise UserError(
                f"{text.relative_to(folder)}: stands beside two pictures of one name, '{name}' is the second. "
                f"Rename one of them, or call the texts {picture.name}.txt."
            )
        used.add(text)
        lines = read_text(text, options.encoding).split("\n") if text.stat().st_size else [""]
        where = text.relative_to(folder).as_posix()
        said = [line for line in lines if line.strip()] or [""]
        rows += [Row(name, line, split, where) for line in said]
    return rows


def aside(folder: Path) -> list[str]:
    """Sentences on the files of the folder that are neither pictures nor their texts."""
    listing = pictures_below(folder)
    texts = {_text(picture) for picture in listing.files}
    others = [file for file in listing.others if file not in texts]
    return replace(listing, others=others).notes(folder, what="pictures and no captions of one")


LAYOUT = Layout("sidecar", "dog.jpg with dog.txt beside it, a caption a line", find, read)
