"""What all data with classes share: merging classes, splits, and the refusal of what cannot be learnt from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from seqvision.data.formats.rows import did_you_mean, row_split
from seqvision.data.sequences.records import SequenceRecord, SequenceSet, UnlearnableError
from seqvision.data.sequences.splits import split_rule, split_sequences
from seqvision.errors import SettingError, UserError
from seqvision.names import Name, meant, one_meant, text_of


def class_set(
    records: Sequence[SequenceRecord],
    *,
    what: str,
    splits: Mapping[str, Any] | None = None,
    merge: Mapping[Any, Name] | None = None,
    classes: Sequence[Name] | None = None,
    notes: Sequence[str] = (),
    left_out: Sequence[str] = (),
) -> SequenceSet:
    """The records with a split each, and their classes: in numerical order if they are numbers, else by the alphabet;
    in the order of `classes` if that is given.

    what    the records' name in messages: "sentences", "recordings", "pictures"
    splits  as `SplitRule` has them; the data's own splits are kept
    merge   classes to call otherwise, {"old": "new"}; the records of a class that becomes None are left out

    Where splits are drawn, a class that would be in none of the training records keeps one. UserError if there are
    fewer than two classes, or so many that they are hardly classes; UnlearnableError if a class has nothing to learn
    from, or if there is nothing to validate on.
    """
    kept, merged = _merged(records, merge or {}, what)
    _check_classes(kept, what)
    drawn, split_notes = split_sequences(kept, split_rule(splits))
    drawn, returned = _returned(kept, drawn, what)
    names = sorted({record.label for record in drawn if record.label is not None}, key=natural_order)
    if classes is not None:
        names = list(dict.fromkeys(text for name in classes for text in meant(name, names)))
    found = SequenceSet(drawn, tuple(names), notes=[*notes, *merged, *split_notes, *returned], left_out=list(left_out))
    _check_learnable(found, what)
    return found


class SplitNames:
    """The splits that files' names and cells say, after `data.splits.rename` ({"dev": "test"})."""

    def __init__(self, rename: object = None):
        if rename is not None and not isinstance(rename, Mapping):
            raise SettingError("data.splits.rename", rename, "a mapping, such as {dev: test}, or null")
        self.rename = {text_of(old).lower(): text_of(new) for old, new in (rename or {}).items()}
        self._unused = set(self.rename)
        self._known: set[str] = set()

    def split(self, text: str | None, where: str) -> str | None:
        """The split that a text means; None where it says nothing."""
        split = row_split(text, where)
        if split is None or text is None or not self.rename:
            return split
        written = text.strip().lower()
        old = written if written in self.rename else split
        self._known.add(written)
        self._unused.discard(old)
        return row_split(self.rename.get(old, split), where)

    def check_used(self) -> None:
        """Raises a `UserError` for an entry of `rename` that no split has."""
        for old in sorted(self._unused):
            raise UserError(
                f"data.splits.rename: no split '{old}' (found: {', '.join(sorted(self._known)) or 'none'}). "
                "Correct the name, or remove the entry."
            )


def split_names(splits: Mapping[str, Any] | None) -> tuple[dict[str, Any], SplitNames]:
    """What `SplitRule` takes of `data.splits`, and its entry `rename`."""
    drawn = dict(splits or {})
    return drawn, SplitNames(drawn.pop("rename", None))


def natural_order(name: str) -> tuple[int, int, str]:
    """A key to sort by: whole numbers by value and before everything else, text by the alphabet."""
    digits = name.lstrip("0")  # not as int: a name may have thousands of them
    return (0, len(digits), digits) if name.isdecimal() else (1, 0, name)


def _merged(
    records: Sequence[SequenceRecord], merge: Mapping[Any, Name], what: str
) -> tuple[list[SequenceRecord], list[str]]:
    if not merge:
        return list(records), []
    counts = Counter(record.label for record in records)
    known = sorted(name for name in counts if name is not None)
    notes = []
    merged: dict[str | None, str | None] = {}
    for key, becomes in merge.items():
        if not meant(key, known):
            name, listed = text_of(key), ", ".join(known[:20])
            raise UserError(
                f"data.merge: no {what} of a class '{name}' (found: {listed}){did_you_mean(name, known)}. Correct the "
                "name, or remove the entry."
            )
        merged.update(dict.fromkeys(meant(key, known), None if becomes is None else one_meant(becomes, known)))
    for old, new in merged.items():
        done = f"count as '{new}'" if new is not None else "are left out"
        notes.append(f"{counts[old]} {what} of the class '{old}' {done} (data.merge)")
    out = {old for old, new in merged.items() if new is None}
    kept = [record for record in records if record.label not in out]
    return [replace(record, label=merged.get(record.label, record.label)) for record in kept], notes


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


def _returned(
    before: Sequence[SequenceRecord], drawn: list[SequenceRecord], what: str
) -> tuple[list[SequenceRecord], list[str]]:
    """The records with one group of each class that the draw left without any put back to train, and a note on them."""
    seen = {record.label for record in drawn if record.split == "train"}
    back: dict[str | None, str] = {}
    for said, record in zip(before, drawn, strict=True):
        if record.label is not None and record.label not in seen and said.split in (None, "train"):
            back[record.group] = record.label
            seen.add(record.label)
    if not back:
        return drawn, []
    made = [replace(record, split="train") if record.group in back else record for record in drawn]
    rare = ", ".join(f"'{name}'" for name in sorted(back.values()))
    note = f"splits: too few {what} of {rare} for every split; one each was put back from validation or test to train"
    return made, [note]


def _check_learnable(found: SequenceSet, what: str) -> None:
    records = found.records
    seen = {record.label for record in records if record.split == "train"}
    lost = [record for record in records if record.label is not None and record.label not in seen]
    if lost:
        name = lost[0].label
        same = [record for record in lost if record.label == name]
        more = len({record.label for record in lost}) - 1
        raise UnlearnableError(
            f"the class '{name}' is seen only in {' and '.join(sorted({r.split or '?' for r in same}))} "
            f"({len(same)} of {len(records)} {what}, e.g. {same[0].id}) and never in training"
            + (f"; {more} more classes like it" if more else "")
            + f". Add {what} of it to the training data, write data.merge={{{name}: OTHER}} to count it as another "
            f"class, or data.merge={{{name}: null}} to leave it out.",
            found,
        )
    if not any(record.split == "val" for record in records):
        raise UnlearnableError(
            f"the split 'val' is empty: {len(records)} {what} are too few for it, every one being the only one of its "
            f"class. Add {what}.",
            found,
        )
