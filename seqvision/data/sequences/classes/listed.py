"""Files with one class each: a folder a class, perhaps inside a folder a split, or a list of files and classes."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.classes.sets import class_set, split_said, taken_rename
from seqvision.data.sequences.classes.tables import JSON_SUFFIXES, Column, label_column, read_columns, split_column
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.data.splits import split_name
from seqvision.errors import UserError
from seqvision.wording import counted

_PATH = "path file filename file_name file_path filepath image picture recording video clip name id"
PATH_NAMES = tuple(_PATH.split())
GROUP_NAMES = ("group", "subject", "person", "participant", "animal", "user", "session", "day")
LIST_NAMES = (
    "labels",
    "list",
    "index",
    "classes",
    "metadata",
    "annotations",
    "files",
)  # how lists in a folder are named
_LISTS = (".csv", ".tsv", *JSON_SUFFIXES)


@dataclass(frozen=True)
class ListOptions:
    """What a person may say about a list: names of its columns, its encoding, where its files lie, what to do with
    rows that cannot be used.
    """

    path_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    group_column: str | None = None
    files: Path | None = None
    encoding: str = "utf-8"
    on_missing: str = "error"


@dataclass
class _Listed:
    records: list[SequenceRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_files(
    path: str | Path,
    suffixes: Collection[str],
    *,
    what: str,
    path_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    group_column: str | None = None,
    files: str | Path | None = None,
    encoding: str = "utf-8",
    on_missing: str = "error",
    merge: Mapping[str, str | None] | None = None,
    splits: Mapping[str, Any] | None = None,
    make_set: Callable[..., SequenceSet] = class_set,
) -> SequenceSet:
    """One record a file with one of the `suffixes`, its id the path inside the data's folder.

    path        a folder of classes (`cat/a.png`), which may lie in folders of splits (`train/cat/a.png`); or a list, a
                CSV, TSV or JSON lines with a file's path and its class a row, and perhaps its split and its group
                (subject, day …); or the folder in which such a list lies as `labels.csv`
    files       where a list's files lie, if not beside it
    on_missing  rows whose file is not there or that have no class: "error", or "skip", which counts them in the notes
    merge, splits: as in `class_set`, with `rename` of splits as in `read_sentences`
    make_set    what makes the set of the records, in place of `class_set`
    """
    path = Path(path)
    if on_missing not in ("error", "skip"):
        raise UserError(f"data.on_missing is '{on_missing}', expected 'error' or 'skip'")
    drawn, rename = taken_rename(splits)
    if not path.exists():
        raise UserError(f"data.path: no file or folder '{path}' (looked from {Path.cwd()}).")
    options = ListOptions(
        path_column, label_column, split_column, group_column, Path(files) if files else None, encoding, on_missing
    )
    listing = path if path.is_file() else _list_in(path)
    found = _read_list(listing, what, options, rename) if listing else _read_folders(path, suffixes, what, rename)
    notes = []
    if found.problems:
        if on_missing == "error":
            more = f" {len(found.problems) - 1} more like this." if len(found.problems) > 1 else ""
            raise UserError(f"{found.problems[0]}.{more} Correct it, or leave such rows out with data.on_missing=skip.")
        notes.append(f"left out {counted(len(found.problems), 'row')}, the first: {found.problems[0]}")
    return make_set(found.records, what=what, splits=drawn, merge=merge, notes=notes, left_out=found.problems)


def _list_in(folder: Path) -> Path | None:
    """The list of a folder, if there is one: `labels.csv` or the like."""
    return next(
        (
            folder / f"{name}{suffix}"
            for name in LIST_NAMES
            for suffix in _LISTS
            if (folder / f"{name}{suffix}").is_file()
        ),
        None,
    )


def _read_list(file: Path, what: str, options: ListOptions, rename: Mapping[str, str]) -> _Listed:
    if file.suffix.lower() not in _LISTS:
        raise UserError(
            f"{file}: a list of {what} was expected, {', '.join(_LISTS)} with a path and a label a row, or a folder."
        )
    columns = [
        Column("path", PATH_NAMES, "data.path_column", options.path_column),
        label_column(options.label_column),
        split_column(options.split_column),
        Column("group", GROUP_NAMES, "data.group_column", options.group_column, options.group_column is not None),
    ]
    base = options.files or file.parent
    if not base.is_dir():
        raise UserError(f"data.files: no folder '{base}' (looked from {Path.cwd()}).")
    found = _Listed()
    rows_of: dict[str, str] = {}
    for row in read_columns(file, columns, encoding=options.encoding, header=True):
        name, label, said, group = row.values
        name = (name or "").replace("\\", "/").removeprefix("./")
        if not name or not label:
            found.problems.append(f"{row.where}: no {'label' if name else 'path'} beside '{name or label or ''}'")
        elif not (base / name).is_file():
            # finding the nearest name is slow among thousands, so that only the first message has it
            near = _near(base / name) if not found.problems else ""
            found.problems.append(f"{row.where}: no file '{name}' in {base}{near}")
        elif name in rows_of:
            raise UserError(f"{row.where}: '{name}' stands in {rows_of[name]} already; give each file one row.")
        else:
            rows_of[name] = row.where
            split = split_said(said, row.where, rename)
            found.records.append(SequenceRecord(name, base / name, label, group=group or None, split=split))
    return found


def _near(file: Path) -> str:
    inside = os.listdir(file.parent) if file.parent.is_dir() else []
    same = [name for name in inside if Path(name).stem == file.stem]
    return f" (did you mean '{same[0]}'?)" if same else did_you_mean(file.name, inside, cutoff=0.85)


def _read_folders(folder: Path, suffixes: Collection[str], what: str, rename: Mapping[str, str]) -> _Listed:
    inside = [part for part in _folders(folder) if _any_file(part, suffixes)]
    if not inside:
        holds = ", ".join(sorted(os.listdir(folder))[:8]) or "nothing"
        raise UserError(
            f"{folder}: no {what} in folders of classes (it holds: {holds}). Expected {folder.name}/CLASS/FILE, "
            f"{folder.name}/train/CLASS/FILE, or labels.csv with path,label (files: {' '.join(sorted(suffixes))})."
        )
    split_folders = [part for part in inside if split_name(part.name)]
    if len(split_folders) < 2:
        return _Listed([r for part in inside for r in _class_records(folder, part, suffixes, None)])
    strange = [part.name for part in inside if part not in split_folders]
    if strange:
        raise UserError(
            f"{folder}: folders of splits ({', '.join(part.name for part in split_folders)}) beside "
            f"{', '.join(strange[:5])}. Put the classes into the splits' folders, or move the other folders away."
        )
    found = _Listed()
    for part in split_folders:
        loose = [file.name for file in sorted(part.iterdir()) if file.suffix.lower() in suffixes]
        if loose:
            raise UserError(f"{part}: '{loose[0]}' lies in no class's folder. Move it into {part.name}/CLASS/.")
        split = split_said(part.name, str(part), rename)
        found.records += [r for each in _folders(part) for r in _class_records(folder, each, suffixes, split)]
    return found


def _class_records(base: Path, folder: Path, suffixes: Collection[str], split: str | None) -> list[SequenceRecord]:
    return [
        SequenceRecord(file.relative_to(base).as_posix(), file, folder.name, split=split)
        for file in _files(folder, suffixes)
    ]


def _folders(folder: Path) -> list[Path]:
    return sorted(part for part in folder.iterdir() if part.is_dir() and not part.name.startswith((".", "__MACOSX")))


def _files(folder: Path, suffixes: Collection[str]) -> Sequence[Path]:
    """The files with one of the endings in a folder and below it, without hidden ones."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        found += [
            Path(parent, name)
            for name in sorted(names)
            if os.path.splitext(name)[1].lower() in suffixes and not name.startswith(".")
        ]
    return found


def _any_file(folder: Path, suffixes: Collection[str]) -> bool:
    return bool(_files(folder, suffixes))
