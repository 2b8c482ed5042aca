"""What all layouts with a label for every frame share, once files are found: numbers for labels, lengths, splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqvision.data.core.faults import collecting, each
from seqvision.data.sequences.align import align_labels
from seqvision.data.sequences.frame_labels import FrameMatrix, FrameNames, join_matrices
from seqvision.data.sequences.label_names import UNLABELLED, LabelRules, class_notes, encode_labels
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.readers.features import FeatureReader, fit_reader
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.data.sequences.splits import split_rule, split_sequences
from seqvision.errors import UserError
from seqvision.names import Name, all_meant, text_of


@dataclass(frozen=True, eq=False)
class Labelled:
    """A sequence as it was found, what is written of its frames, and in which file."""

    record: SequenceRecord
    labels: FrameNames | FrameMatrix
    file: Path


def labelled_set(
    found: Sequence[Labelled],
    reader: FrameReader,
    *,
    align: str = "error",
    merge: Mapping[Any, Name] | None = None,
    unlabelled: Sequence[Name] = UNLABELLED,
    classes: Sequence[Name] | None = None,
    splits: Mapping[str, Any] | None = None,
    known: Sequence[str] | None = None,
    known_from: str = "mapping.txt",
    not_features: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> SequenceSet:
    """The sequences with as many labels as frames, classes and splits, and notes about all that was decided.

    align           as `align_labels` has it
    merge, unlabelled, classes; splits: as `LabelRules` and `SplitRule` have them
    not_features    columns that say what the frames are labelled as, and must not be features
    known           the classes that the file `known_from` lists
    """
    rules = LabelRules(merge or {}, unlabelled, classes)
    names = [one.labels for one in found if isinstance(one.labels, FrameNames)]
    matrices = [one.labels for one in found if isinstance(one.labels, FrameMatrix)]
    if names and matrices:
        raise UserError(f"{names[0].where} has one label a frame, {matrices[0].where} several. Use one kind for all.")
    others = [name for name in unlabelled if name not in UNLABELLED]
    if matrices and others:
        raise UserError(
            f"data.unlabelled=[{', '.join(map(text_of, others))}] has no effect with a column of 0 and 1 for each "
            "label, where an empty cell or -1 means unlabelled. Remove it."
        )
    if matrices:
        arrays, places, label_notes = join_matrices(matrices, merge=rules.merge, order=classes)
    else:
        arrays, places, label_notes = encode_labels(names, rules, known=known, known_from=known_from)
    records = [replace(one.record, labels=array) for one, array in zip(found, arrays, strict=True)]
    fitted, records = fit_each(reader, records)
    _check_columns(fitted, not_features)
    lengths: list[tuple[SequenceRecord, int]] = []
    for record in records:
        with each():
            lengths.append((record, _frames(fitted, record)))
    records, align_notes = align_labels(
        [record for record, _ in lengths],
        [frames for _, frames in lengths],
        align=align,
        label_files={one.record.id: str(one.file) for one in found},
    )
    rule = split_rule(splits)
    rates = [fitted.rate(record.source) for record in records] if rule.blocks else None
    records, split_notes = split_sequences(records, rule, rates=rates)
    reader_notes = fitted.notes if isinstance(fitted, FeatureReader) else ()
    return SequenceSet(
        records,
        places,
        multilabel=bool(matrices),
        notes=[*notes, *reader_notes, *label_notes, *align_notes, *split_notes, *class_notes(records, places)],
    )


def fit_each(reader: FrameReader, records: Sequence[SequenceRecord]) -> tuple[FrameReader, list[SequenceRecord]]:
    """The reader as `fit_reader` has it, and the records; without those that cannot be read, where a check collects."""
    try:
        return fit_reader(reader, records), list(records)
    except UserError:
        if not collecting():
            raise
        good = []
        for record in records:
            with each():
                fit_reader(reader, [record])
                good.append(record)
        if len(good) in (0, len(records)):  # each by itself can be read: they do not go together
            raise
        return fit_each(reader, good)


def _check_columns(reader: FrameReader, not_features: Sequence[str]) -> None:
    """UserError if the network would see in its input what it has to find out."""
    columns = (reader.columns or ()) if isinstance(reader, FeatureReader) else ()
    used = [text_of(name) for name in columns]
    both = [name for name in used if name in all_meant(not_features, used)]
    if both:
        raise UserError(
            f"column '{both[0]}' is a feature and says the label, split or group: the network would read the answer. "
            f"Set data.reader.exclude=[{', '.join(both)}]."
        )


def _frames(reader: FrameReader, record: SequenceRecord) -> int:
    if record.span is not None:
        return record.span[1] - record.span[0]
    return reader.length(record.source)
