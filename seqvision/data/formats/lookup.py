"""Rows to records: finds each row's picture on the disk and gathers its captions."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from seqvision.data.core.faults import each
from seqvision.data.core.listing import irregular
from seqvision.data.core.text import whole_text
from seqvision.data.formats.rows import Row, did_you_mean
from seqvision.data.picture_kinds import is_picture_file, why_unread
from seqvision.data.records import CaptionRecord
from seqvision.errors import UserError
from seqvision.names import composed

_USUAL_FOLDERS = {"images", "image", "imgs", "img", "pictures", "photos", "flicker8k_dataset", "flickr8k_dataset"}
_USUAL_FOLDERS |= {"flickr30k_images", "flickr30k-images"}


@dataclass(frozen=True)
class Problem:
    """Something in the data that was left out, and why. Kinds: missing, unread, empty, uncaptioned, unlisted,
    unknown."""

    kind: str
    name: str
    message: str


@dataclass
class _Gathered:
    image: Path
    split: str | None
    where: str
    image_id: str | None
    captions: list[str] = field(default_factory=list)


Name = str | tuple[str]


class PictureFinder:
    """Finds pictures by the names that captions use, with one listing of each folder."""

    def __init__(self, folders: Iterable[Path]):
        self.folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
        self._listed: dict[Path, dict[Name, str]] = {}
        self._found: set[Path] = set()
        self.left_out: list[str] = []  # pipes and broken links in the folders that were listed

    def find(self, name: str) -> Path | None:
        """The picture's path: as named in one of the folders, or with leading folders of its name left out.

        Composed and decomposed letters are the same, as on macOS; so are capitals, where only one file is meant.
        """
        if os.path.isabs(name):
            return self._taken(Path(name)) if os.path.isfile(name) else None
        parts = PurePosixPath(name).parts
        for begin in range(len(parts)):
            for folder in self.folders:
                inside = folder.joinpath(*parts[begin:-1])
                names = self._names(inside)
                exact = composed(parts[-1])
                found = names.get(parts[-1]) or names.get(exact) or names.get((exact.casefold(),))
                if found is not None:
                    return self._taken(inside / found)
        return None

    def _taken(self, image: Path) -> Path:
        self._found.add(image)
        return image

    def near(self, name: str) -> str:
        """A hint in brackets at what is there in place of the picture, or at the nearest name; or nothing."""
        parts = PurePosixPath(name).parts
        for folder in self.folders:
            if os.path.exists(folder / name) and (fault := irregular(folder / name)):
                return f" (there is {fault} of that name)"
            names = self._names(folder.joinpath(*parts[:-1]))
            stem = PurePosixPath(name).stem.lower()
            same = [known for known in names.values() if PurePosixPath(known).stem.lower() == stem]
            hint = f" (did you mean '{same[0]}'?)" if same else did_you_mean(parts[-1], names.values()) if parts else ""
            if hint:
                return hint
        return ""

    def unused(self) -> list[Path]:
        """The pictures beside those that were found."""
        folders = sorted({image.parent for image in self._found} & self._listed.keys())
        beside = (folder / name for folder in folders for name in sorted(set(self._names(folder).values())))
        return [picture for picture in beside if picture not in self._found]

    def _names(self, folder: Path) -> dict[Name, str]:
        """Picture names of a folder; those without their ending, and without capitals as (name,), where only one
        picture is meant.
        """
        if folder not in self._listed:
            try:
                entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
            except (OSError, ValueError):  # ValueError: a NUL in the name
                entries = []
            pictures = [entry.name for entry in entries if entry.is_file() and is_picture_file(folder / entry.name)]
            others = [folder / entry.name for entry in entries if not (entry.is_file() or entry.is_dir())]
            self.left_out += sorted(f"{path}: {irregular(path)}" for path in others)
            names: dict[Name, str] = {}
            # the surest last: a name beats another's stem
            for key in (lambda n: (_stem(n).casefold(),), lambda n: (n.casefold(),), _stem, _whole):
                same: dict[Name, list[str]] = {}
                for name in pictures:
                    same.setdefault(key(composed(name)), []).append(name)
                names |= {short: found[0] for short, found in same.items() if len(found) == 1}
            self._listed[folder] = names | {name: name for name in pictures}
        return self._listed[folder]


def _whole(name: str) -> str:
    return name


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


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
    gathering = _Gathering(finder, base)
    for row in rows:
        with each():
            gathering.take(row)
    found = [
        CaptionRecord(id=name, image=g.image, captions=tuple(g.captions), split=g.split, image_id=g.image_id)
        for name, g in gathering.pictures.items()
        if g.captions
    ]
    left_out = list(gathering.problems.values())
    if left_out and on_missing == "error":
        raise UserError(_refusal(left_out))
    return found, left_out


class _Gathering:
    """The pictures of the rows so far by their names, and the problems by their kinds and names."""

    def __init__(self, finder: PictureFinder, base: Path):
        self.finder, self.base = finder, base
        self.pictures: dict[str, _Gathered] = {}
        self.problems: dict[tuple[str, str], Problem] = {}
        self._names: dict[Path, str] = {}

    def take(self, row: Row) -> None:
        """Puts the row's caption to its picture, or to the problems. UserError for what contradicts earlier rows."""
        name = row.picture.replace("\\", "/").removeprefix("./")
        if name not in self.pictures and ("missing", name) not in self.problems:
            self._find(name, row)
        if name in self.pictures and (problem := _add(self.pictures[name], row)):
            self.problems[problem.kind, f"{problem.name} {row.where}"] = problem

    def _find(self, name: str, row: Row) -> None:
        image = self.finder.find(name)
        if image is None:
            # Finding the nearest name is slow among thousands, so that only the first message has it.
            near = self.finder.near(name) if not self.problems else ""
            folders = _listed(self.finder.folders, self.base)
            message = f"{row.where}: no picture '{row.picture:.200}' in {folders}{near}"
            self.problems["missing", name] = Problem("missing", name, message)
        elif why := why_unread(image):
            self.problems["missing", name] = Problem("unread", name, f"{row.where}: '{row.picture}': {why}")
        elif self._names.setdefault(image, name) != name:
            raise UserError(
                f"{row.where}: '{name}' and '{self._names[image]}' both lead to {image}. "
                "Set data.images to the folder in which the names are whole."
            )
        else:
            self.pictures[name] = _Gathered(image, row.split, row.where, row.image_id)


def _add(picture: _Gathered, row: Row) -> Problem | None:
    """Puts the row's caption to its picture, or says why not."""
    if row.split != picture.split:
        raise UserError(
            f"{row.where}: '{row.picture}' is in {row.split or 'no split'} here and in {picture.split or 'no split'} "
            f"in {picture.where}. A picture with all its captions is in one split only."
        )
    caption = " ".join(whole_text(row.caption or "", row.where).split())
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
        "unread": "Convert such pictures,",
        "empty": "Write the caption,",
        "uncaptioned": "Write a caption,",
    }[problems[0].kind]
    return f"{problems[0].message}.{also} {advice} or leave such rows out with data.on_missing=skip."
