"""Files with one class each: a folder a class, perhaps inside a folder a split, or a list of files and classes."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seqvision.data.core.faults import each, fault, fault_of_many
from seqvision.data.core.file_names import NamedFiles
from seqvision.data.core.listing import files_below
from seqvision.data.formats.rows import did_you_mean, files_of_splits
from seqvision.data.sequences.classes.sets import SplitNames, class_set, split_names
from seqvision.data.sequences.classes.tables import (
    JSON_SUFFIXES,
    Column,
    columns_notes,
    label_column,
    read_columns,
    split_column,
)
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.data.splits import split_name
from seqvision.errors import UserError
from seqvision.names import Name, text_of
from seqvision.wording import counted, some_of

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

    path_column: Name = None
    label_column: Name = None
    split_column: Name = None
    group_column: Name = None
    files: Path | None = None
    encoding: str = "utf-8"
    on_missing: str = "error"


@dataclass(frozen=True)
class FileKind:
    """What the files of a data set are: their name in messages, in the plural, and the endings of their names.

    Attributes:
        is_one: whether a file in a folder is of the kind; by default its ending says so
        why_unread: why a file of the kind cannot be read here, and what to do; empty if it can
    """

    what: str
    suffixes: Collection[str]
    is_one: Callable[[Path], bool] | None = None
    why_unread: Callable[[Path], str] = lambda file: ""

    def belongs(self, file: Path) -> bool:
        return self.is_one(file) if self.is_one else file.suffix.lower() in self.suffixes


@dataclass
class _Listed:
    records: list[SequenceRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_files(
    path: str | Path,
    kind: FileKind,
    *,
    path_column: Name = None,
    label_column: Name = None,
    split_column: Name = None,
    group_column: Name = None,
    files: str | Path | None = None,
    encoding: str = "utf-8",
    on_missing: str = "error",
    merge: Mapping[Any, Name] | None = None,
    splits: Mapping[str, Any] | None = None,
    make_set: Callable[..., SequenceSet] = class_set,
) -> SequenceSet:
    """One record a file of the kind, its id the path inside the data's folder.

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
    drawn, named = split_names(splits)
    if not path.exists():
        raise UserError(f"data.path: no file or folder '{path}' (looked from {Path.cwd()}).")
    options = ListOptions(
        path_column, label_column, split_column, group_column, Path(files) if files else None, encoding, on_missing
    )
    listing = path if path.is_file() else _list_in(path)
    of_splits = [] if listing else files_of_splits(path, _LISTS)
    if listing:
        found = _read_list(listing, kind.what, options, named)
    elif of_splits:
        found = _read_lists_of_splits(of_splits, kind.what, options, named)
    else:
        _check_no_list_options(path, options)
        found = _read_folders(path, kind, named)
    named.check_used()
    unread = {record.id: why for record in found.records if (why := kind.why_unread(Path(str(record.source))))}
    found.problems += [f"{name}: {why}" for name, why in unread.items()]
    found.records = [record for record in found.records if record.id not in unread]
    notes = list(found.notes)
    if found.problems:
        if on_missing == "error":
            fault_of_many(found.problems, "Correct it, or leave such rows out with data.on_missing=skip.")
        notes.append(f"left out {counted(len(found.problems), 'row')}, the first: {found.problems[0]}")
    return make_set(found.records, what=kind.what, splits=drawn, merge=merge, notes=notes, left_out=found.problems)


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


def _read_list(file: Path, what: str, options: ListOptions, named: SplitNames) -> _Listed:
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
    rows_of: dict[Path, str] = {}
    files = NamedFiles()
    for row in read_columns(file, columns, encoding=options.encoding, header=True):
        found.notes = found.notes or columns_notes({file.name: row.taken})
        name, label, said, group = row.values
        name = (name or "").replace("\\", "/").removeprefix("./")
        if not name or not label:
            found.problems.append(f"{row.where}: no {'label' if name else 'path'} beside '{name or label or ''}'")
        elif (source := files.find(base, name)) is None:
            # finding the nearest name is slow among thousands, so that only the first message has it
            near = _near(base / name) if not found.problems else ""
            found.problems.append(f"{row.where}: no file '{name}' in {base}{near}")
        elif source in rows_of:
            fault(UserError(f"{row.where}: '{name}' stands in {rows_of[source]} already; give each file one row."))
        else:
            rows_of[source] = row.where
            with each():
                split = named.split(said, row.where)
                found.records.append(SequenceRecord(name, source, label, group=group or None, split=split))
    return found


def _read_lists_of_splits(files: Sequence[Path], what: str, options: ListOptions, named: SplitNames) -> _Listed:
    """The files of Hugging Face's `train/metadata.csv` …, whose names count from the folder of their list."""
    found = _Listed()
    for file in files:
        part = _read_list(file, what, options, named)
        split = named.split(file.parent.name, str(file))
        found.problems += part.problems
        found.notes += [note for note in part.notes if note not in found.notes]
        found.records += [
            replace(record, id=f"{file.parent.name}/{record.id}", split=record.split or split)
            for record in part.records
        ]
    return found


def _check_no_list_options(folder: Path, options: ListOptions) -> None:
    """Raises a `UserError` where something is said about a list that there is not."""
    of_lists = {
        "path_column": options.path_column,
        "label_column": options.label_column,
        "split_column": options.split_column,
        "group_column": options.group_column,
        "files": options.files,
    }
    for option, given in of_lists.items():
        if given is not None:
            raise UserError(
                f"data.{option}={text_of(given)} has no effect: {folder} holds folders of classes and no list of files "
                f"(looked for {LIST_NAMES[0]}.csv and the like). Remove it, or name the list with data.path"
            )


def _near(file: Path) -> str:
    inside = os.listdir(file.parent) if os.path.isdir(file.parent) else []
    same = [name for name in inside if Path(name).stem == file.stem]
    return f" (did you mean '{same[0]}'?)" if same else did_you_mean(file.name, inside, cutoff=0.85)


def _read_folders(folder: Path, kind: FileKind, named: SplitNames) -> _Listed:
    listing = files_below(folder, kind.belongs)
    within: dict[str, list[Path]] = {}  # by the first folder on their way
    for file in listing.files:
        within.setdefault(file.relative_to(folder).parts[0], []).append(file)
    loose = [name for name in within if not (folder / name).is_dir()]
    inside = [name for name in within if name not in loose]
    if not inside:
        holds = ", ".join(sorted(os.listdir(folder))[:8]) or "nothing"
        raise UserError(
            f"{folder}: no {kind.what} in folders of classes (it holds: {holds}). Expected {folder.name}/CLASS/FILE, "
            f"{folder.name}/train/CLASS/FILE, or labels.csv with path,label (files: {' '.join(sorted(kind.suffixes))})."
        )
    notes = listing.notes(folder, what=kind.what)
    if loose:
        notes.append(f"left out {counted(len(loose), 'file')} in no folder of a class: {some_of(loose)}")
    split_folders = [name for name in inside if split_name(name)]
    if len(split_folders) < 2:
        files = [file for name in inside for file in within[name]]
        return _Listed([_of_folder(file, folder, 0, None) for file in files], notes=notes)
    strange = [name for name in inside if name not in split_folders]
    if strange:
        raise UserError(
            f"{folder}: folders of splits ({', '.join(split_folders)}) beside "
            f"{', '.join(strange[:5])}. Put the classes into the splits' folders, or move the other folders away."
        )
    found = _Listed(notes=notes)
    for name in split_folders:
        part, files = folder / name, within[name]
        loose = [file.name for file in files if file.parent == part]
        if loose:
            raise UserError(f"{part}: '{loose[0]}' lies in no class's folder. Move it into {name}/CLASS/.")
        split = named.split(name, str(part))
        found.records += [_of_folder(file, folder, 1, split) for file in files]
    return found


def _of_folder(file: Path, base: Path, depth: int, split: str | None) -> SequenceRecord:
    """The record of a file whose class is the name of the folder that many folders below the base."""
    path = file.relative_to(base)
    return SequenceRecord(path.as_posix(), file, path.parts[depth], split=split)
