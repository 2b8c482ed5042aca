"""What all data with classes share: merging classes, splits, and the refusal of what cannot be learnt from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from seqvision.data.formats.rows import did_you_mean, row_split
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.data.splits import SPLITS, hashed_split
from seqvision.errors import UserError


def class_set(
    records: Sequence[SequenceRecord],
    *,
    what: str,
    splits: Mapping[str, Any] | None = None,
    merge: Mapping[str, str | None] | None = None,
    classes: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> SequenceSet:
    """The records with a class and a split each, and their classes: in numerical order if they are numbers, else by
    the alphabet; in the order of `classes` if that is given.

    what    the records' name in messages: "sentences", "recordings", "pictures"
    splits  `val`, `test`, `seed` as in `with_splits`
    merge   classes to call otherwise, {"old": "new"}; the records of a class that becomes None are left out

    UserError if there are fewer than two classes, if a class has no record to learn from, or if there are so many
    that the label can hardly be one.
    """
    records, merged = _merged(records, merge or {}, what)
    _check_classes(records, what)
    records, split_notes = with_splits(records, what=what, **(splits or {}))
    _check_learnable(records, what)
    names = sorted({record.label for record in records if record.label is not None}, key=natural_order)
    if classes is not None:
        names = [name for name in classes if name in names]
    return SequenceSet(list(records), tuple(names), notes=[*notes, *merged, *split_notes])


def with_splits(
    records: Sequence[SequenceRecord], *, what: str, val: float = 0.1, test: float = 0.1, seed: int = 0
) -> tuple[list[SequenceRecord], list[str]]:
    """The records in their order with a split each, and what a person should know of it.

    Splits that the data brings are kept; where they have none to validate on, the share `val` of the training records
    becomes it, so that nothing is chosen on the split that is reported. Data without splits is drawn into shares of
    `val` and `test`. Drawn is by a hash of the record's group, else of its id: the same on every machine, and whatever
    belongs together stays together.
    """
    if not (0 < val < 1 and 0 <= test < 1 and val + test < 1):
        raise UserError(
            f"data.splits: val={val} and test={test}, expected shares with val > 0, test >= 0 and a sum below 1"
        )
    said = Counter(record.split for record in records)
    notes = []
    if said[None] and len(said) > 1:
        silent = next(record.id for record in records if record.split is None)
        raise UserError(
            f"{said[None]} of {len(records)} {what} have no split, e.g. {silent}, though the others have one. "
            "Fill in the rest, or remove the column to have it drawn."
        )
    if None in said:
        drawn = [replace(r, split=hashed_split(_together(r), val=val, test=test, seed=seed)) for r in records]
        needed = ("train", "val", "test") if test else ("train", "val")
    else:
        drawn, needed = list(records), ("train", "val")
        notes += _doubles(drawn, what)
        if "train" in said and "val" not in said:
            drawn = [
                replace(r, split=hashed_split(_together(r), val=val, test=0, seed=seed)) if r.split == "train" else r
                for r in drawn
            ]
            taken = sum(record.split == "val" for record in drawn)
            notes.append(
                f"no split to validate on: {taken} of {said['train']} training {what} are set apart for it "
                f"(data.splits.val={val:g}, data.splits.seed={seed})"
            )
    counts = Counter(record.split for record in drawn)
    for name in needed:
        if not counts[name]:
            found = ", ".join(f"{split} {counts[split]}" for split in dict.fromkeys([*SPLITS, *counts]) if split)
            raise UserError(
                f"the split '{name}' is empty: {len(records)} {what} gave {found}. Add {what}, change "
                "data.splits.val, data.splits.test or data.splits.seed, or name the files or rows of each split."
            )
    return drawn, notes


def split_said(text: str | None, where: str, rename: Mapping[str, str]) -> str | None:
    """The split that a file's name or a cell says, after `rename` ({"dev": "test"}); None where it says nothing."""
    split = row_split(text, where)
    if split is None or text is None:
        return None
    return row_split(rename.get(text.strip().lower(), rename.get(split, split)), where)


def natural_order(name: str) -> tuple[int, int, str]:
    """A key to sort by: whole numbers by value and before everything else, text by the alphabet."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def _together(record: SequenceRecord) -> str:
    return record.id if record.group is None else record.group


def _merged(
    records: Sequence[SequenceRecord], merge: Mapping[str, str | None], what: str
) -> tuple[list[SequenceRecord], list[str]]:
    counts = Counter(record.label for record in records)
    notes = []
    for old, new in merge.items():
        if old not in counts:
            known = sorted(name for name in counts if name is not None)
            raise UserError(
                f"data.merge: no {what} of a class '{old}' (found: {', '.join(known[:20])}){did_you_mean(old, known)}"
            )
        done = f"count as '{new}'" if new is not None else "are left out"
        notes.append(f"{counts[old]} {what} of the class '{old}' {done} (data.merge)")
    if not merge:
        return list(records), []
    renamed = [r if r.label is None else replace(r, label=merge.get(r.label, r.label)) for r in records]
    return [new for old, new in zip(records, renamed, strict=True) if old.label is None or new.label is not None], notes


def _check_classes(records: Sequence[SequenceRecord], what: str) -> None:
    counts = Counter(record.label for record in records if record.label is not None)
    if len(counts) < 2:
        found = f"all {len(records)} {what} are of the class '{next(iter(counts))}'" if counts else "no class was found"
        raise UserError(f"{found}: there is nothing to tell apart. Name data with two classes or more.")
    if len(counts) > 20 and 2 * len(counts) > len(records):
        some = ", ".join(f"'{name:.30}'" for name in list(counts)[:3])
        raise UserError(
            f"{len(counts)} classes for {len(records)} {what} ({some}, …): that is hardly the label. "
            "Name its column with data.label_column=COLUMN (a number, from 1, where there is no header)."
        )


def _check_learnable(records: Sequence[SequenceRecord], what: str) -> None:
    seen = {record.label for record in records if record.split == "train"}
    lost = [record for record in records if record.label is not None and record.label not in seen]
    if lost:
        name = lost[0].label
        same = [record for record in lost if record.label == name]
        more = len({record.label for record in lost}) - 1
        raise UserError(
            f"the class '{name}' is seen only in {' and '.join(sorted({r.split or '?' for r in same}))} "
            f"({len(same)} of {len(records)} {what}, e.g. {same[0].id}) and never in training"
            + (f"; {more} more classes like it" if more else "")
            + f". Add {what} of it, change data.splits.seed, or write data.merge={{{name}: OTHER}}, "
            f"with null for OTHER to leave them out."
        )


def _doubles(records: Sequence[SequenceRecord], what: str) -> list[str]:
    """A note where the data's own splits share what belongs together."""
    trained = {record.group for record in records if record.split == "train" and record.group is not None}
    shared = Counter(record.split for record in records if record.split != "train" and record.group in trained)
    return [f"{count} {what} of '{split}' are in 'train' as well, as published" for split, count in shared.items()]
