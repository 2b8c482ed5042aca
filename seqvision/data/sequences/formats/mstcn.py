"""The layout of MS-TCN's code, which most of action segmentation uses: features, groundTruth, mapping.txt, splits."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqvision.data.core.faults import each
from seqvision.data.core.file_names import NamedFiles
from seqvision.data.core.text import read_lines
from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.formats.labelled import Labelled, labelled_set
from seqvision.data.sequences.frame_labels import read_label_lines
from seqvision.data.sequences.label_names import UNLABELLED
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.readers.features import FeatureReader
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.data.sequences.split_lists import listed_splits
from seqvision.data.splits import split_name
from seqvision.errors import UserError
from seqvision.names import Name, composed
from seqvision.wording import counted

# whose video it is, by the published names: 50 Salads rgb-01-1, Breakfast P03_cam01_P03_cereals, GTEA S1_Cheese_C1
SUBJECTS = (r"^(rgb-\d+)-\d+$", r"^(P\d+)_", r"^(S\d+)_[A-Za-z]")
_EXAMPLE = "expected features/VIDEO.npy, groundTruth/VIDEO.txt, mapping.txt, splits/train.split1.bundle"


def read_mstcn(
    path: str | Path,
    *,
    split: int = 1,
    reader: FrameReader | None = None,
    features: str = "features",
    align: str = "error",
    merge: Mapping[Any, Name] | None = None,
    unlabelled: Sequence[Name] = UNLABELLED,
    classes: Sequence[Name] | None = None,
    splits: Mapping[str, Any] | None = None,
    encoding: str = "utf-8",
) -> SequenceSet:
    """The videos that the bundles of a split list, with a label for every frame.

    split     the number K of splits/train.splitK.bundle, test.splitK.bundle and, if there is one, val.splitK.bundle.
              Without the latter val is drawn from train, whole subjects at a time, never from test. Without a folder
              `splits` all videos are split as `splits` says
    reader    of the features (or of videos, in a folder that `features` names); `FeatureReader()` by default
    align, merge, unlabelled, classes, splits   as `labelled_set` has them

    The subject is taken from the published names of 50 Salads, Breakfast and GTEA; other names want `splits.group`,
    else every video is a group by itself. Videos in no list are left out, with a note.
    """
    folder = Path(path)
    for needed in (folder / features, folder / "groundTruth"):
        if not needed.is_dir():
            raise UserError(
                f"{folder}: no folder {needed.name}/ in it; {_EXAMPLE}. Correct data.path or data.features."
            )
    sources = {file.stem: file for file in sorted((folder / features).iterdir()) if _is_file(file)}
    known = read_mapping(folder / "mapping.txt", encoding=encoding)
    records = [SequenceRecord(name, file, group=subject(name)) for name, file in sources.items()]
    if not records:
        raise UserError(f"{folder / features}: no files in it; {_EXAMPLE}.")
    notes: list[str] = []
    lists = bundles(folder / "splits", split)
    if lists:
        records, notes = listed_splits(records, lists, encoding=encoding)
    records, left_out = _with_labels(records, folder / "groundTruth", listed=bool(lists))
    if all(record.group is None for record in records) and not (splits or {}).get("group"):
        left_out.append(
            f"splits: the names ({records[0].id}, …) say no subject, so every video is a group by itself; if several "
            "show one subject, set data.splits.group to the pattern that finds it in a name"
        )
    found: list[Labelled] = []
    for record in records:
        file = _label_file(folder / "groundTruth", record.id)
        with each():
            found.append(Labelled(record, read_label_lines(file, encoding=encoding), file))
    return labelled_set(
        found,
        reader or FeatureReader(),
        align=align,
        merge=merge,
        unlabelled=unlabelled,
        classes=classes,
        splits=splits,
        known=known,
        notes=[*notes, *left_out],
    )


def subject(name: str) -> str | None:
    """Whose video it is, where the name is one of a known kind."""
    return next((match.group(1) for pattern in SUBJECTS if (match := re.match(pattern, name))), None)


def read_mapping(file: Path, *, encoding: str = "utf-8") -> list[str] | None:
    """The classes of lines such as "3 cut_tomato", by number; None if there is no such file."""
    if not file.is_file():
        return None
    numbers: dict[int, str] = {}
    for row, line in enumerate(read_lines(file, encoding), start=1):
        if not line.strip():
            continue
        number, name = [*line.split(maxsplit=1), ""][:2]  # blanks or a tab divide them
        if not number.isdecimal() or len(number) > 9 or not name.strip():
            raise UserError(f"{file.name} row {row}: '{line.strip()}', expected a number and a class, '3 cut_tomato'.")
        if int(number) in numbers or name.strip() in numbers.values():
            raise UserError(f"{file.name} row {row}: '{line.strip()}': number or class is there already. Keep one.")
        numbers[int(number)] = name.strip()
    return [numbers[number] for number in sorted(numbers)]


def bundles(folder: Path, split: int) -> dict[str, list[Path]]:
    """The lists `train.splitK.bundle`, … of the split number K by their split's name; none if the data has no lists."""
    every = sorted(folder.glob("*.bundle")) if folder.is_dir() else []
    if not every and split != 1:
        raise UserError(
            f"data.split={split} has no effect: there are no lists such as {folder}/train.split{split}.bundle. Remove "
            "data.split, or add the lists."
        )
    if not every:
        return {}
    lists: dict[str, list[Path]] = {}
    for file in every:
        match = re.fullmatch(r"(\w+?)\.split(\d+)\.bundle", file.name)
        name = split_name(match.group(1)) if match else None
        if match and name and int(match.group(2)) == split:
            lists.setdefault(name, []).append(file)
    if "train" not in lists:
        raise UserError(
            f"{folder}: no train.split{split}.bundle (found: {', '.join(file.name for file in every)}). Set "
            "data.split to a number that is there."
        )
    return lists


def _with_labels(
    records: Sequence[SequenceRecord], folder: Path, *, listed: bool
) -> tuple[list[SequenceRecord], list[str]]:
    """The records with a file of labels; what a list names must have one, of the others the rest is left out."""
    there = {composed(file.stem) for file in folder.glob("*.txt")}
    lacking = [record.id for record in records if composed(record.id) not in there]
    if lacking and (listed or len(lacking) == len(records)):
        raise UserError(
            f"{folder}: no labels '{lacking[0]}.txt' for '{lacking[0]}' ({len(lacking)} of {len(records)} lack them)"
            f"{did_you_mean(lacking[0], there)}. Add the file, or take the video out of the lists."
        )
    notes = (
        [f"labels: left out for want of them, {counted(len(lacking), 'video')}: {', '.join(lacking[:5])}"]
        if lacking
        else []
    )
    return [record for record in records if composed(record.id) in there], notes


def _label_file(folder: Path, name: str) -> Path:
    return NamedFiles().find(folder, f"{name}.txt") or folder / f"{name}.txt"


def _is_file(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")
