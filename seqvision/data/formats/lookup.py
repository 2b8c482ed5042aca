"""Rows to records: finds each row's picture on the disk and gathers its captions."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from seqvision.data.formats.rows import Row, did_you_mean
from seqvision.data.pictures import is_picture_name
from seqvision.data.records import CaptionRecord
from seqvision.errors import UserError

_USUAL_FOLDERS = {"images", "image", "imgs", "img", "pictures", "photos", "flicker8k_dataset", "flickr8k_dataset"}
_USUAL_FOLDERS |= {"flickr30k_images", "flickr30k-images"}


@dataclass(frozen=True)
class Problem:
    """Something in the data that was left out, and why. Kinds: missing, empty, uncaptioned, unlisted, unknown."""

    kind: str
    name: str
    message: str


@dataclass
class _Gathered:
    image: Path
    split: str | None
    where: str
    captions: list[str] = field(default_factory=list)


class PictureFinder:
    """Finds pictures by the names that captions use, with one listing of each folder."""

    def __init__(self, folders: Iterable[Path]):
        self.folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
        self._listed: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> Path | None:
        """The picture's path: as named in one of the folders, or with leading folders of its name left out."""
        if os.path.isabs(name):
            return Path(name) if Path(name).is_file() else None
        parts = PurePosixPath(name).parts
        for begin in range(len(parts)):
            for folder in self.folders:
                inside = folder.joinpath(*parts[begin:-1])
                found = self._names(inside).get(parts[-1])
                if found is not None:
                    return inside / found
        return None

    def near(self, name: str) -> str:
        """A hint in brackets at the nearest name in the folders where the picture should lie, or nothing."""
        parts = PurePosixPath(name).parts
        for folder in self.folders:
            names = self._names(folder.joinpath(*parts[:-1]))
            stem = PurePosixPath(name).stem.lower()
            same = [known for known in names.values() if PurePosixPath(known).stem.lower() == stem]
            hint = f" (did you mean '{same[0]}'?)" if same else did_you_mean(parts[-1], names) if parts else ""
            if hint:
                return hint
        return ""

    def _names(self, folder: Path) -> dict[str, str]:
        """Picture names of a folder, and those without their ending where only one picture has it."""
        if folder not in self._listed:
            try:
                pictures = [name for name in os.listdir(folder) if is_picture_name(name)]
            except OSError:
                pictures = []
            stems: dict[str, list[str]] = {}
            for name in pictures:
                stems.setdefault(os.path.splitext(name)[0], []).append(name)
            names = {stem: same[0] for stem, same in stems.items() if len(same) == 1}
            self._listed[folder] = names | {name: name for name in pictures}
        return self._listed[folder]


def picture_folders(source: Path, images: Path | None) -> list[Path]:
    """Where to look for pictures: the folder given, or the captions' own folder and its `images` and the like."""
    if images is not None:
        if not images.is_dir():
            raise UserError(f"data.images: no folder '{images}' (looked from {Path.cwd()}).")
        return [images]
    base = source if source.is_dir() else source.parent
    if base.name == "annotations":
        base = base.parent
    return [base, *sorted(f for f in base.iterdir() if f.is_dir() and f.name.lower() in _USUAL_FOLDERS)]


def gather(
    rows: Sequence[Row], finder: PictureFinder, *, on_missing: str, base: Path
) -> tuple[list[CaptionRecord], list[Problem]]:
    """One record a picture, in the rows' order, and what had to be left out.

    With `on_missing="error"` the first row that cannot be used raises a UserError that also counts the others.
    """
    gathered: dict[str, _Gathered] = {}
    taken: dict[Path, str] = {}
    problems: dict[tuple[str, str], Problem] = {}
    for row in rows:
        name = row.picture.replace("\\", "/").removeprefix("./")
        if name not in gathered and ("missing", name) not in problems:
            image = finder.find(name)
            if image is None:
                # Finding the nearest name is slow among thousands, so that only the first message has it.
                near = finder.near(name) if not problems else ""
                message = f"{row.where}: no picture '{row.picture}' in {_listed(finder.folders, base)}{near}"
                problems["missing", name] = Problem("missing", name, message)
            elif taken.setdefault(image, name) != name:
                raise UserError(
                    f"{row.where}: '{name}' and '{taken[image]}' both lead to {image}. "
                    "Set data.images to the folder in which the names are whole."
                )
            else:
                gathered[name] = _Gathered(image, row.split, row.where)
        if name in gathered:
            problem = _add(gathered[name], row)
            if problem:
                problems[problem.kind, f"{problem.name} {row.where}"] = problem
    found = [
        CaptionRecord(id=name, image=g.image, captions=tuple(g.captions), split=g.split)
        for name, g in gathered.items()
        if g.captions
    ]
    left_out = list(problems.values())
    if left_out and on_missing == "error":
        raise UserError(_refusal(left_out))
    return found, left_out


def _add(picture: _Gathered, row: Row) -> Problem | None:
    """Puts the row's caption to its picture, or says why not."""
    if row.split != picture.split:
        raise UserError(
            f"{row.where}: '{row.picture}' is in {row.split or 'no split'} here and in {picture.split or 'no split'} "
            f"in {picture.where}. A picture with all its captions is in one split only."
        )
    caption = " ".join((row.caption or "").split())
    if caption:
        picture.captions.append(caption)
        return None
    if row.caption is None:
        return Problem("uncaptioned", row.picture, f"{row.where}: '{row.picture}' has no caption")
    return Problem("empty", row.picture, f"{row.where}: the caption of '{row.picture}' is empty")


def _listed(folders: Sequence[Path], base: Path) -> str:
    names = [f"{os.path.relpath(folder, base)}/" if folder != base else f"{base.name}/" for folder in folders]
    return " or ".join(names) or "no folder at all"


def _refusal(problems: Sequence[Problem]) -> str:
    more = len(problems) - 1
    also = f" {more} more like this." if more else ""
    advice = {
        "missing": "Correct the names, say where the pictures are with data.images=FOLDER,",
        "empty": "Write the caption,",
        "uncaptioned": "Write a caption,",
    }[problems[0].kind]
    return f"{problems[0].message}.{also} {advice} or leave such rows out with data.on_missing=skip."
