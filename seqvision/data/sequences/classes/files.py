"""Which files make up a data set with classes, and which split or class a file's name says."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqvision.data.formats.rows import did_you_mean
from seqvision.data.picture_kinds import is_picture_name
from seqvision.data.splits import SPLITS, split_name
from seqvision.errors import UserError

_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
_ASIDE = re.compile(r"readme|licen[cs]e|mapping|\.", re.IGNORECASE)  # how names begin that are no data


@dataclass(frozen=True)
class Found:
    """A file, with the split or the class that its name says."""

    path: Path
    split: str | None = None
    label: str | None = None


def find_text_files(path: Path, *, one_a_class: bool = False) -> tuple[list[Found], list[str]]:
    """The files of a data set of sentences, and notes on those that were left aside.

    `path` is a file, a folder, or the common beginning of the files' names. With `one_a_class` files are taken for
    classes whatever they are called.
    """
    if path.is_file():
        return [Found(path)], []
    files = _inside(path) if path.is_dir() else _beginning_with(path)
    splits = {} if one_a_class else {file: _said_split(file) for file in files}
    named = [file for file in files if splits.get(file)]
    if named:
        starts = sorted({_start(file) for file in named})
        if len(starts) > 1:
            raise UserError(
                f"{path}: several data sets ({', '.join(starts)}). "
                f"Name one of them with data.path={path / starts[0] if path.is_dir() else path.parent / starts[0]}"
            )
        aside = [file.name for file in files if file not in named]
        notes = [f"not read, because not called by a split's name: {', '.join(aside)}"] if aside else []
        named.sort(key=lambda file: SPLITS.index(split_name(splits[file] or "") or "test"))
        return [Found(file, split=splits[file]) for file in named], notes
    if len(files) == 1 and not one_a_class:
        return [Found(files[0])], []
    tables = [file.name for file in files if file.suffix.lower() in _TABLES]
    if tables and not one_a_class:
        raise UserError(
            f"{path}: several tables ({', '.join(tables)}). Name one with data.path=FILE, call them train, val and "
            "test, or set data.layout=files if each is a class."
        )
    labels = _labels(files)
    return [Found(file, label=label) for file, label in zip(files, labels, strict=True)], []


def _said_split(file: Path) -> str | None:
    """`train` of train.tsv and of TREC.train, as it is written there."""
    for name in (file.stem, file.suffix.removeprefix(".")):
        if split_name(name):
            return name
    return None


def _start(file: Path) -> str:
    return "" if split_name(file.stem) else file.stem


def _inside(folder: Path) -> list[Path]:
    files = sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and not _ASIDE.match(file.name) and not is_picture_name(file.name)
    )
    if not files:
        inside = ", ".join(sorted(file.name for file in folder.iterdir())[:8]) or "nothing"
        raise UserError(
            f"{folder}: no files of text in this folder (it holds: {inside}). Name them with data.path=FILE."
        )
    return files


def _beginning_with(path: Path) -> list[Path]:
    inside = sorted(file for file in path.parent.iterdir() if file.is_file()) if path.parent.is_dir() else []
    files = [file for file in inside if re.match(re.escape(path.name.rstrip(".")) + r"[._-]", file.name)]
    if not files or not path.name:
        near = did_you_mean(path.name, [name for file in inside for name in (file.stem, file.name)])
        raise UserError(
            f"data.path: no file or folder '{path}' and no files whose names begin like that{near} "
            f"(looked from {Path.cwd()})."
        )
    return files


def _beginning(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    return first[: next((place for place, mark in enumerate(first) if last[place : place + 1] != mark), len(first))]


def _labels(files: Sequence[Path]) -> list[str]:
    """What tells the files' names apart: `pos` and `neg` of rt-polarity.pos and rt-polarity.neg."""
    same = len({file.suffix for file in files}) == 1 and files[0].suffix
    names = [file.stem if same else file.name for file in files]
    common = _beginning(names)
    begin = max(common.rfind(mark) for mark in "._-") + 1
    labels = [name[begin:] for name in names]
    return labels if all(labels) and len(set(labels)) == len(labels) else names
