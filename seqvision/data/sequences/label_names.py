"""From the labels that people wrote to numbers: what is merged, what means "nobody said", what was misspelt."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from seqvision.data.core.faults import fault
from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.frame_labels import FrameNames
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.names import Name, all_meant, meant, one_meant, same_value, text_of
from seqvision.wording import counted

UNLABELLED = ("", "?", "unlabelled", "unlabeled")
_RARE = 0.01  # a label a hundred times rarer than one of nearly its name is likely a slip of the pen


@dataclass(frozen=True)
class LabelRules:
    """What written labels mean; the config entries `data.merge`, `data.unlabelled` and `data.classes`.

    merge        another name for a label, None for no label; case and accents may be left out of the key
                 (Preparacao: Preparation)
    unlabelled   what is written where nobody said
    classes      the classes in their order; by default those of a mapping file, else all that occur, sorted
    """

    merge: Mapping[Any, Name] = field(default_factory=dict)
    unlabelled: Sequence[Name] = UNLABELLED
    classes: Sequence[Name] | None = None

    def of(self, label: str) -> str:
        """What a single label becomes; "" where nobody said."""
        for key, new in self.merge.items():
            if meant(key, [label]) or folded(text_of(key)) == folded(label):
                label = "" if new is None else text_of(new)
                break
        return "" if any(meant(name, [label]) for name in self.unlabelled) else label

    def for_labels(self, written: Iterable[str]) -> "WrittenRules":
        """The rules with each name as the labels are written: 0 may be "0" or "0.0".

        Raises UserError for an entry of `merge` that no label has.
        """
        known = list(dict.fromkeys(written))
        merge: dict[str, str] = {}
        for key, new in self.merge.items():
            becomes = "" if new is None else one_meant(new, known)
            others = [name for name in known if name != becomes]
            old = meant(key, others) or [name for name in others if folded(name) == folded(text_of(key))]
            if not old:
                name, listed = text_of(key), ", ".join(sorted(known))
                hint = did_you_mean(name, known)
                fault(UserError(f"data.merge: no label '{name}' (found: {listed}){hint}. Correct or remove the entry."))
            merge.update(dict.fromkeys(old, becomes))
        classes: list[str] | None = None
        if self.classes is not None:
            left = [*known, *filter(None, merge.values())]
            alike = [meant(name, left) or [text_of(name)] for name in self.classes]
            classes = [first for first, *_ in alike]
            merge = {other: first for first, *others in alike for other in others} | merge
            if doubles := [name for name, number in Counter(classes).items() if number > 1]:
                raise UserError(f"data.classes names '{doubles[0]}' twice. Name each class once.")
        left_out = [old for old, new in merge.items() if not new]
        return WrittenRules(merge, frozenset(["", *left_out, *all_meant(self.unlabelled, known)]), classes)


class WrittenRules(NamedTuple):
    """`LabelRules` in the words of the labels themselves; what is merged into nothing is unlabelled."""

    merge: Mapping[str, str]
    unlabelled: frozenset[str]
    classes: Sequence[str] | None


def encode_labels(
    sequences: Sequence[FrameNames],
    rules: LabelRules | None = None,
    *,
    known: Sequence[str] | None = None,
    known_from: str = "mapping.txt",
) -> tuple[list[np.ndarray], tuple[str, ...], list[str]]:
    """Each sequence's labels as places among the classes, -1 where nobody said; the classes; notes.

    `known`: the classes that the file `known_from` lists. UserError for a label that is none of the known classes, and
    for an entry of `merge` that no label has.
    """
    written = list(dict.fromkeys(name for sequence in sequences for name in sequence.names))
    merged, unlabelled, given = (rules or LabelRules()).for_labels(written)
    if given is not None:
        known, known_from = given, "data.classes"
    counts = Counter(name for sequence in sequences for name in sequence.names if name not in unlabelled)
    if not counts:
        raise UserError(
            f"none of {counted(len(sequences), 'sequence')} has a labelled frame. Correct data.unlabelled "
            f"({', '.join(filter(None, unlabelled))}), or label some frames."
        )
    renamed = Counter[str]()
    for name, count in counts.items():
        renamed[merged.get(name, name)] += count
    classes = tuple(name for name in (known or sorted(renamed)) if name not in unlabelled)
    place_of = {name: place for place, name in enumerate(classes)}
    encoded, passed = [], set(unlabelled)
    for sequence in sequences:
        labels = np.full(len(sequence), -1, dtype=np.int64)
        for frame, name in enumerate(sequence.names):
            if name in passed:
                continue
            place = place_of.get(merged.get(name, name))
            if place is None:
                fault(
                    UserError(
                        f"{sequence.where} row {sequence.rows[frame]}: label '{merged.get(name, name)}' is none of the "
                        f"{len(classes)} classes in {known_from}{did_you_mean(name, classes)}. Correct the row, add it "
                        f"to {known_from}, or set '{merge_entry({name: 'CLASS'})}'."
                    )
                )
                passed.add(name)  # said once
                continue
            labels[frame] = place
        encoded.append(labels)
    notes = _notes(sequences, encoded, unlabelled, merged, renamed)
    if absent := [text_of(name) for name in _asked(rules) if not meant(name, written)]:
        notes.append(f"labels: data.unlabelled: {_quoted(absent)} nowhere in the data")
    return encoded, classes, notes


def _asked(rules: LabelRules | None) -> list[Name]:
    """The names in `unlabelled` that a user gave."""
    return [name for name in rules.unlabelled if name not in UNLABELLED] if rules else []


def _notes(
    sequences: Sequence[FrameNames],
    encoded: Sequence[np.ndarray],
    unlabelled: frozenset[str],
    merged: Mapping[str, str],
    counts: Mapping[str, int],
) -> list[str]:
    notes = []
    if merged:
        done = (f"'{old}' into '{new}'" if new else f"'{old}' left out" for old, new in merged.items())
        notes.append(f"labels: merged {', '.join(done)}")
    blank = [int((labels < 0).sum()) for labels in encoded]
    if any(blank):
        named = ", ".join(f"'{name}'" for name in sorted(unlabelled) if name)
        notes.append(
            f"labels: {sum(blank)} of {sum(map(len, encoded))} frames in {sum(map(bool, blank))} of "
            f"{counted(len(encoded), 'sequence')} have no label (empty, {named}): neither trained nor scored"
        )
    doubles = likely_doubles(counts)
    if doubles:
        said = ", ".join(
            f"'{old}' (frames: {counts[old]}, e.g. {_first(sequences, old)}) and '{new}' ({counts[new]})"
            for old, new in doubles.items()
        )
        notes.append(f"labels: {said} look like one label spelt in two ways; if so, set '{merge_entry(doubles)}'")
    return notes


def _first(sequences: Sequence[FrameNames], name: str) -> str:
    for sequence in sequences:
        if name in sequence.names:
            return f"{sequence.where} row {sequence.rows[sequence.names.index(name)]}"
    return "a merged label"


def folded(name: str) -> str:
    """A name without case, accents and kinds of spaces, to compare spellings by."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return re.sub(r"[\s_-]+", " ", plain).strip().casefold()


def likely_doubles(counts: Mapping[str, int]) -> dict[str, str]:
    """Labels that are probably another spelling of a commoner one: differing in case, accents or spaces only, the same
    number ("0", "0.0"), or nearly of its name and a hundred times rarer."""
    doubles: dict[str, str] = {}
    names = sorted(counts, key=lambda name: (-counts[name], name))
    for place, name in enumerate(names):
        for other in names[:place]:
            if other in doubles:
                continue
            same = folded(name) == folded(other) or same_value(name, other)
            rare = counts[name] <= max(1, _RARE * counts[other]) < counts[other]
            if same or (rare and _alike(folded(name), folded(other))):
                doubles[name] = other
                break
    return doubles


def _alike(left: str, right: str) -> bool:
    """Whether two names differ by a few letters; names that differ in a number are counted things."""
    if re.sub(r"\d+", "", left) == re.sub(r"\d+", "", right):
        return False
    return difflib.SequenceMatcher(None, left, right).ratio() >= 0.7


def merge_entry(doubles: Mapping[str, str]) -> str:
    """What to type to merge labels; letters that a command line's configuration cannot hold are written plainly."""
    plain = {_plain(old): new for old, new in doubles.items()}
    return "data.merge={" + ", ".join(f"{old}: {new}" for old, new in plain.items()) + "}"


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or name


def class_notes(records: Sequence[SequenceRecord], classes: Sequence[str]) -> list[str]:
    """What it means that some class does not occur in every split: a sentence each, for the records with splits."""
    seen: dict[str, set[str]] = {}
    for record in records:
        if record.split:
            seen.setdefault(record.split, set()).update(_classes_of(record, classes))
    trained = seen.get("train", set())
    notes = []
    for split, there in seen.items():
        untrained = [name for name in classes if name in there - trained]
        if untrained:
            notes.append(
                f"classes: {_quoted(untrained)} in {split} but never in train: the network cannot learn what it never "
                "saw, and every such frame or sequence counts as an error. Add some to train (data.splits.group, "
                "data.splits.seed), or merge it (data.merge)"
            )
    unscored = [name for name in classes if name in trained and "val" in seen and name not in seen["val"]]
    if unscored:
        notes.append(
            f"classes: {_quoted(unscored)} in train but not in val: learnt, but validation says nothing about it"
        )
    nowhere = [name for name in classes if not any(name in there for there in seen.values())]
    if nowhere and seen:
        notes.append(f"classes: {_quoted(nowhere)} nowhere in the data: kept as a class, with no example of it")
    return notes


def _classes_of(record: SequenceRecord, classes: Sequence[str]) -> set[str]:
    there = {record.label} if record.label is not None else set()
    if record.labels is not None:
        labels = record.labels
        places = np.unique(labels[labels >= 0]) if labels.ndim == 1 else np.flatnonzero((labels == 1).any(axis=0))
        there |= {classes[int(place)] for place in places}
    return there


def _quoted(names: Sequence[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in names[:6]) + (f", … ({len(names)})" if len(names) > 6 else "")
    return f"{listed} {'are' if len(names) > 1 else 'is'}"
