"""Frames and labels that differ in number: an error, or cut or stretched as the user says, never in silence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqvision.data.core.faults import fault, fault_of_many
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.wording import counted

ALIGNMENTS = ("error", "truncate", "resample")
_LISTED = 5


def align_labels(
    records: Sequence[SequenceRecord],
    lengths: Sequence[int],
    *,
    align: str = "error",
    label_files: Mapping[str, str] | None = None,
) -> tuple[list[SequenceRecord], list[str]]:
    """The records with as many labels as frames, and a sentence about what was done for it.

    lengths      how many frames each record has (its span, where it has one)
    align        "error"; "truncate": both end where the shorter one ends; "resample": the labels are stretched to the
                 frames, each frame taking the label that lies nearest in time
    label_files  for messages, the file that the labels of a record (by its id) came from
    """
    if align not in ALIGNMENTS:
        raise UserError(f"data.align={align}: expected {', '.join(ALIGNMENTS[:-1])} or {ALIGNMENTS[-1]}")
    aligned = list(records)
    differing: list[str] = []
    most = 0
    for place, (record, frames) in enumerate(zip(records, lengths, strict=True)):
        if frames < 1:
            fault(UserError(f"{_source(record)}: no frames in it. Copy the file again, or leave it out."))
            continue
        if record.labels is None or len(record.labels) == frames:
            continue
        if not len(record.labels):
            fault(UserError(f"{_labelled_by(record, label_files)}: no labels in it for the {frames} frames."))
            continue
        differing.append(_difference(record, frames, label_files))
        most = max(most, abs(len(record.labels) - frames))
        aligned[place] = _resampled(record, frames) if align == "resample" else _truncated(record, frames)
    if not differing:
        return aligned, []
    if align == "error":
        fault_of_many(
            [f"{difference}: there must be as many labels as frames" for difference in differing],
            "Set data.align=truncate to end both where the shorter one ends (a few frames too many at the end), or "
            "data.align=resample to stretch the labels over the frames (another frame rate).",
        )
        return aligned, []
    done = "both cut to the shorter" if align == "truncate" else "labels stretched over the frames"
    listed = "; ".join(differing[:_LISTED]) + ("; …" if len(differing) > _LISTED else "")
    return aligned, [
        f"data.align={align}: in {len(differing)} of {counted(len(records), 'sequence')} frames and labels differed in "
        f"number, by {most} at most, {done}: {listed}"
    ]


def resample_labels(labels: np.ndarray, frames: int) -> np.ndarray:
    """Labels (time, …) for another number of frames over the same time: each takes what lies at its middle."""
    middles = (np.arange(frames) + 0.5) / frames
    return labels[np.minimum((middles * len(labels)).astype(np.int64), len(labels) - 1)]


def _resampled(record: SequenceRecord, frames: int) -> SequenceRecord:
    assert record.labels is not None
    return replace(record, labels=resample_labels(record.labels, frames))


def _truncated(record: SequenceRecord, frames: int) -> SequenceRecord:
    assert record.labels is not None
    start = record.span[0] if record.span else 0
    kept = min(frames, len(record.labels))
    span = (start, start + kept) if kept < frames or record.span else None
    return replace(record, labels=record.labels[:kept], span=span)


def _source(record: SequenceRecord) -> str:
    return str(record.source) if isinstance(record.source, Path) else record.id


def _labelled_by(record: SequenceRecord, label_files: Mapping[str, str] | None) -> str:
    return (label_files or {}).get(record.id, f"the labels of {record.id}")


def _difference(record: SequenceRecord, frames: int, label_files: Mapping[str, str] | None) -> str:
    assert record.labels is not None
    held = f"{len(record.labels)} labels" if record.labels.ndim == 1 else f"{len(record.labels)} rows of labels"
    return f"{_source(record)} holds {frames} frames, {_labelled_by(record, label_files)} {held}"
