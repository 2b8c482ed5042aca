"""What the layouts share: a row, the reading of JSON with helpful errors, the names of splits and columns."""

import difflib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqvision.data.core.json_values import parse_json
from seqvision.data.core.text import read_text, text_begin
from seqvision.data.splits import SPLITS, split_name
from seqvision.errors import UserError
from seqvision.names import Name


@dataclass(frozen=True)
class Row:
    """One caption as a file says it; `where` names the place for messages. No caption at all is None.

    image_id: COCO's id of the picture.
    """

    picture: str
    caption: str | None
    split: str | None
    where: str
    image_id: str | None = None


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say about a data set besides where it is."""

    images: Path | None = None
    image_column: Name = None
    caption_column: Name = None
    split_column: Name = None
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Layout:
    """One way in which captions come.

    `find(source, options)` gives the caption files of this layout in a folder, or `[source]` if the file is of it;
    empty where there are none. `read(files, options)` gives their rows in order. `example` says what a user may have.
    `columns(files, options)` says in words which columns are read, where there are columns.
    """

    name: str
    example: str
    find: Callable[[Path, ReadOptions], list[Path]]
    read: Callable[[list[Path], ReadOptions], list[Row]]
    columns: Callable[[list[Path], ReadOptions], str] = lambda files, options: ""


def read_json(file: Path, encoding: str) -> Any:
    """What a JSON file holds."""
    advice = "The file may be cut off; copy it again, or repair the row."
    return parse_json(read_text(file, encoding), file.name, advice)


def first_line(file: Path) -> str:
    """The beginning of a text file up to its first line's end, however it is encoded; to recognise layouts by."""
    return text_begin(file).lstrip().split("\n")[0]


def row_split(value: Any, where: str) -> str | None:
    """The split that a row says: "train", "val", "test" or a further test set's own name; None where the cell is empty.

    What looks like a slip of the pen ("trian") is refused, because those pictures would be used by nobody.
    """
    if value is None or value == "" or str(value).isspace():
        return None
    if not isinstance(value, str):
        raise UserError(f"{where}: the split is {json.dumps(value):.80}, expected a text such as train, val or test.")
    split = split_name(value)
    if split is not None:
        return split
    name = value.strip().lower()
    hint = did_you_mean(name, SPLITS, cutoff=0.75)
    if hint and not name.startswith(SPLITS):
        raise UserError(
            f"{where}: the split is '{value}'{hint}. Correct the row: {', '.join(SPLITS)} are the usual ones."
        )
    return name


def split_files(files: Sequence[Path]) -> list[Path]:
    """Those files that are called train, val or test, if there are two at least; otherwise none."""
    named = [file for file in files if split_name(file.stem)]
    return named if len(named) > 1 else []


def files_of_splits(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Hugging Face's `train/metadata.csv`, `validation/metadata.csv` …, also in `data/`; none where there are none."""
    inside = [part for base in (folder, folder / "data") if base.is_dir() for part in sorted(base.iterdir())]
    named = [part / f"metadata{suffix}" for part in inside if split_name(part.name) for suffix in suffixes]
    return [file for file in named if file.is_file()]


def in_split_folders(files: Sequence[Path]) -> bool:
    """Whether several files lie in a folder each, which is called by a split."""
    return len({file.parent for file in files}) > 1 and all(split_name(file.parent.name) for file in files)


def split_of_file(file: Path, files: Sequence[Path]) -> tuple[str | None, str]:
    """(the split that the name of one of several files, or that of its folder, says; what goes before its pictures'
    names, relative to the folder of all files)."""
    if in_split_folders(files):
        return split_name(file.parent.name), f"{file.parent.name}/"
    return (split_name(file.stem) if len(files) > 1 else None), ""


def did_you_mean(wrong: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """A hint in brackets, after a space, at the nearest known name; nothing if none is near."""
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(wrong.lower(), list(names), n=1, cutoff=cutoff)
    return f" (did you mean '{names[near[0]]}'?)" if near else ""
