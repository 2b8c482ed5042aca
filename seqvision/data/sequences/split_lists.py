"""Splits that a data set brings as lists of names: train.txt, train.split1.bundle, …"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from seqvision.data.core.text import read_lines
from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.names import composed
from seqvision.wording import counted, some_of


def listed_splits(
    records: Sequence[SequenceRecord], lists: Mapping[str, Sequence[Path]], *, encoding: str = "utf-8"
) -> tuple[list[SequenceRecord], list[str]]:
    """The records that a split's list names, with that split, and a sentence about those in no list.

    lists  the files of each split, with the name of a sequence a line: its id, its file's name, or that without ending
    UserError for a name that is no sequence, and for one that two splits list.
    """
    by_name: dict[str, list[SequenceRecord]] = {}
    for record in records:
        for name in _names(record.id):
            by_name.setdefault(name, []).append(record)
    split_of: dict[str, tuple[str, str]] = {}
    for split, files in lists.items():
        for file in files:
            for row, line in enumerate(read_lines(file, encoding), start=1):
                if not line.strip():
                    continue
                found = next((by_name[name] for name in _names(line.strip()) if name in by_name), [])
                if len(found) != 1:
                    what = "two sequences have this name" if found else "no such sequence"
                    near = "" if found else did_you_mean(line.strip(), [record.id for record in records])
                    raise UserError(
                        f"{file.name} row {row}: '{line.strip()}': {what}{near}. Write the names as the sequences' "
                        f"files are called, e.g. '{records[0].id}'."
                    )
                before = split_of.setdefault(found[0].id, (split, file.name))
                if before[0] != split:
                    raise UserError(
                        f"{file.name} row {row}: '{line.strip()}' is listed in {before[1]} too. A sequence is in one "
                        "split only; remove it from one of them."
                    )
    listed = [replace(record, split=split_of[record.id][0]) for record in records if record.id in split_of]
    unlisted = [record.id for record in records if record.id not in split_of]
    if not unlisted:
        return listed, []
    return listed, [
        f"splits: {len(unlisted)} of {counted(len(records), 'sequence')} in no list, left out: {some_of(unlisted)}"
    ]


def _names(name: str) -> list[str]:
    path = PurePosixPath(composed(name.replace("\\", "/").removeprefix("./")))
    return list(dict.fromkeys([path.as_posix(), path.name, path.stem]))
