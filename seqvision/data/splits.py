"""Who trains, who validates, who tests: always whole pictures, never single captions.

The splits are train, val and test; a data set may bring further test sets under names of their own.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from seqvision.data.core.text import read_lines
from seqvision.data.records import CaptionRecord
from seqvision.errors import UserError
from seqvision.names import composed

SPLITS = ("train", "val", "test")
_SAME = {
    "training": "train",
    "restval": "train",  # Karpathy's name for COCO's validation pictures that he leaves to training
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "testing": "test",
}


def split_name(text: str) -> str | None:
    """The split, train, val or test, that one of its usual names means; else None."""
    name = text.strip().lower()
    name = _SAME.get(name, name)
    return name if name in SPLITS else None


def hashed_split(name: str, *, val: int | float, test: int | float, seed: int = 0) -> str:
    """The split of a picture by its name: the same on every machine, whatever other pictures there are."""
    digest = hashlib.sha256(f"{name}#{seed}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return "val" if place < val else "test" if place < val + test else "train"


def assign_splits(
    records: Sequence[CaptionRecord], *, val: int | float = 0.1, test: int | float = 0.1, seed: int = 0
) -> list[CaptionRecord]:
    """The records in their order, each with its `split` set.

    Splits that the data set brings are kept; then train and val must be there and test may be missing. Otherwise the
    shares `val` and `test` are drawn by the hash of each picture's name. UserError if a split that must be there is
    empty, or if only some records say theirs.
    """
    said = Counter(record.split for record in records)
    if None not in said:
        return _checked(records, SPLITS[:2], "the data set's own splits")
    if len(said) > 1:
        silent = [record.id for record in records if record.split is None]
        raise UserError(
            f"{len(silent)} of {len(records)} pictures have no split, e.g. '{silent[0]}', though the others have one "
            f"({_counts(said)}). Fill in the rest, or remove the column to have it drawn."
        )
    check_shares(val, test)
    drawn = [replace(r, split=hashed_split(r.id, val=val, test=test, seed=seed)) for r in records]
    needed = [name for name in SPLITS if name != "test" or test > 0]
    return _checked(drawn, needed, f"data.splits.val={val}, data.splits.test={test}, data.splits.seed={seed}")


def check_shares(val: Any, test: Any) -> None:
    """UserError unless both are numbers and shares of which something remains."""
    numbers = all(isinstance(share, int | float) and not isinstance(share, bool) for share in (val, test))
    if not (numbers and val > 0 and test >= 0 and val + test < 1):
        raise UserError(
            f"data.splits: val={val} and test={test}, expected shares with val > 0, test >= 0 and a sum below 1"
        )


def _checked(records: Sequence[CaptionRecord], needed: Sequence[str], by: str) -> list[CaptionRecord]:
    """The records, if every split that is needed has some."""
    counts = Counter(dict.fromkeys(SPLITS, 0))
    counts.update(record.split for record in records if record.split)
    for name in needed:
        if not counts[name]:
            raise UserError(
                f"the split '{name}' is empty: {len(records)} pictures by {by} gave {_counts(counts)}. "
                "Add pictures, give the split a larger share or another seed, or say each picture's split by hand "
                "(a column 'split', or train.txt, val.txt and test.txt with the pictures' names)."
            )
    return list(records)


def _counts(counts: dict) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if name)


def split_lists(folder: Path) -> dict[str, list[Path]]:
    """The files of a folder that list a split's pictures: train.txt, val.txt, test.txt or Flickr_8k.trainImages.txt.

    Empty unless there is a list for train and one for val or test.
    """
    lists: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*.txt")):
        stem = file.stem.split(".")[-1]
        name = split_name(stem.removesuffix("Images"))
        if name:
            lists.setdefault(name, []).append(file)
    return lists if "train" in lists and len(lists) > 1 else {}


def apply_split_lists(
    records: Sequence[CaptionRecord], lists: dict[str, list[Path]], *, encoding: str = "utf-8"
) -> tuple[list[CaptionRecord], list[str], list[str]]:
    """The listed records with their splits; the ids of records in no list; the listed names that are no record.

    A list names a picture by its whole name, its file name, or its file name without the ending.
    """
    wanted: dict[str, tuple[str, str]] = {}
    for split, files in lists.items():
        for file in files:
            for name in read_lines(file, encoding):
                name = composed(name.strip().removeprefix("./"))
                if not name:
                    continue
                before = wanted.setdefault(name, (split, file.name))
                if before[0] != split:
                    raise UserError(
                        f"'{name}' is listed in {before[1]} and in {file.name}: a picture is in one split only."
                    )
    shortened = Counter(short for record in records for short in _names(record.id))
    matched: list[CaptionRecord] = []
    unlisted: list[str] = []
    used: set[str] = set()
    for record in records:
        known = [name for name in _names(record.id) if name in wanted and shortened[name] == 1]
        used.update(known)
        if known:
            matched.append(replace(record, split=wanted[known[0]][0]))
        else:
            unlisted.append(record.id)
    unknown = [name for name in wanted if name not in used]
    if not matched:
        named = ", ".join(file.name for some in lists.values() for file in some)
        raise UserError(
            f"none of the {len(wanted)} names in {named} is one of the {len(records)} pictures: "
            f"'{unknown[0]}' is listed, '{unlisted[0]}' is a picture. Write the names as the captions do."
        )
    return matched, unlisted, unknown


def _names(name: str) -> list[str]:
    path = PurePosixPath(composed(name))
    return list(dict.fromkeys([str(path), path.name, path.stem]))
