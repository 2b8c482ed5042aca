"""A person's own whole pictures, each with a class or with a string of symbols."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqvision.data.sequences.classes.listed import read_files
from seqvision.data.sequences.classes.pictures import PICTURES
from seqvision.data.sequences.classes.sets import class_set, natural_order
from seqvision.data.sequences.records import SequenceRecord, SequenceSet, UnlearnableError
from seqvision.data.sequences.splits import split_rule, split_sequences
from seqvision.errors import UserError
from seqvision.names import Name
from seqvision.signatures import hands_on_to


@hands_on_to(read_files)
def read_labelled_pictures(path: str | Path, *, strings: bool = False, **options: Any) -> SequenceSet:
    """One record a picture in folders of classes, or of a list; arguments and errors as of `read_files`.

    strings: labels are strings whose characters are the classes (`305`), or whose words are, if any has blanks.
    """
    make_set = string_set if strings else class_set
    return read_files(path, PICTURES, make_set=make_set, **options)


def string_set(
    records: Sequence[SequenceRecord],
    *,
    what: str,
    splits: Mapping[str, Any] | None = None,
    merge: Mapping[Any, Name] | None = None,
    notes: Sequence[str] = (),
    left_out: Sequence[str] = (),
) -> SequenceSet:
    """The records with a split each, and the symbols of their labels, in numerical order or by the alphabet.

    UserError where there is no label, UnlearnableError where a symbol is in none of the training pictures.
    """
    if merge:
        raise UserError("data.merge: strings have no classes to merge; leave it out, or set data.strings=false")
    labels = [record.label for record in records if record.label]
    if not labels:
        raise UserError(f"none of {len(records)} {what} has a label; data/README.md shows how a list says them")
    words = any(" " in label.strip() for label in labels)
    drawn, split_notes = split_sequences(records, split_rule(splits))
    found: dict[str, set[str]] = {}
    for record in drawn:
        symbols = (record.label or "").split() if words else list(record.label or "")
        found.setdefault(record.split or "train", set()).update(symbols)
    known = found.get("train", set())
    everything = set().union(*found.values())
    made = SequenceSet(
        drawn,
        tuple(sorted(everything, key=natural_order)),
        notes=[*notes, *split_notes],
        left_out=list(left_out),
    )
    unknown = sorted(everything - known)
    if unknown:
        where = ", ".join(split for split, symbols in found.items() if unknown[0] in symbols)
        raise UnlearnableError(
            f"the symbol '{unknown[0]}' is in the labels of {where}, but in none to train on. Put {what} with it into "
            "the training split, or leave those out",
            made,
        )
    return made
