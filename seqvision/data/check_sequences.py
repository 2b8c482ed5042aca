"""What is in a data set of sequences and what is wrong with it, before anyone trains on it."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from seqvision.data.check_labels import suspects
from seqvision.data.check_lines import lacking
from seqvision.data.check_sequences_report import FileFate, SequenceReport, SplitCounts
from seqvision.data.core.faults import collect_faults
from seqvision.data.progress import tracked
from seqvision.data.splits import SPLITS
from seqvision.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from seqvision.data.sequences.module import SequenceData
    from seqvision.data.sequences.readers.base import FrameReader
    from seqvision.data.sequences.records import SequenceRecord, SequenceSet

CHUNK = 256  # frames that are held at once


def check_sequences(
    data: "SequenceData", source: str, *, layout: str, quick: bool = False, progress: bool = False
) -> SequenceReport:
    """The report on the data set as training would read it. Every sequence is read to its end, unless `quick`: then
    lengths are taken from the files' heads, and damage inside goes unseen.

    All faults that reading meets are in the report, row by row and file by file. UserError only where nothing can be
    read at all: no such folder, no columns, no files.
    """
    from seqvision.data.sequences.formats.labelled import fit_each
    from seqvision.data.sequences.readers.features import unsaid_notes
    from seqvision.data.sequences.records import SequenceSet, UnlearnableError

    reader = data.unfitted
    with collect_faults() as faults:
        try:
            found = data.set
        except UnlearnableError as error:
            found = error.found
            faults.append(str(error))
        except UserError:
            if not faults:
                raise
            found = SequenceSet([], ())  # what is left without the faulty ones is no set
        try:
            reader, records = fit_each(data.unfitted, found.records) if found.records else (reader, [])
            found = replace(found, records=records)
            found = replace(found, notes=[*found.notes, *unsaid_notes(reader, found.notes)])
        except UserError as error:
            faults.append(str(error))
            return _report(data, found, [], faults, source=source, layout=layout, quick=quick)
    looked = tracked(found.records, total=len(found.records), description="Reading sequences", show=progress)
    moments = Moments()
    fates = [_fate(record, reader, quick, moments) for record in looked]
    return _report(data, found, fates, faults, source=source, layout=layout, quick=quick, moments=moments)


def _report(
    data: "SequenceData",
    found: "SequenceSet",
    fates: list[FileFate],
    faults: list[str],
    *,
    source: str,
    layout: str,
    quick: bool,
    moments: "Moments | None" = None,
) -> SequenceReport:
    by_split: dict[str, list[tuple[SequenceRecord, FileFate]]] = {}
    for record, fate in zip(found.records, fates, strict=False):
        by_split.setdefault(record.split or "no split", []).append((record, fate))
    names = sorted(by_split, key=lambda name: SPLITS.index(name) if name in SPLITS else len(SPLITS))
    from seqvision.data.sequences.readers.text import TextReader

    frames = any(record.labels is not None for record in found.records)
    if not faults:
        faults = [f"the split '{name}' has no sequences" for name in SPLITS[:2] if fates and name not in by_split]
    counts: Counter[str] = Counter()
    split_counts = {name: _counts(by_split[name], found.classes) for name in names}
    for each_split in split_counts.values():
        counts.update(each_split.classes)
    return SequenceReport(
        source=source,
        layout=layout,
        classes=list(found.classes),
        counted="frames" if frames else "sequences",
        multilabel=found.multilabel,
        splits=split_counts,
        steps="words" if isinstance(data.unfitted, TextReader) else "frames",
        suspects=suspects(counts),
        lacking=lacking(names),
        files=fates,
        leaks=[] if quick else _leaks(found.records),
        unused=_unused(data, found.records),
        notes=list(found.notes),
        faults=faults,
        channel_mean=moments.mean if moments else [],
        channel_std=moments.deviation if moments else [],
    )


class Moments:
    """Mean and deviation of each channel, or feature, of all frames that were added."""

    def __init__(self) -> None:
        self.number, self.sums, self.squares = 0, np.zeros(0), np.zeros(0)

    def add(self, frames: "Tensor") -> None:
        """Frames (time, features), or pictures (time, channels, height, width) of uint8; words have none."""
        if frames.dim() not in (2, 4):
            return
        values = frames.numpy().astype(np.float64)
        if frames.dim() == 4:
            values = values.transpose(0, 2, 3, 1).reshape(-1, values.shape[1]) / 255
        if not self.number:
            self.sums, self.squares = np.zeros(values.shape[1]), np.zeros(values.shape[1])
        self.number += len(values)
        self.sums += values.sum(axis=0)
        self.squares += np.square(values).sum(axis=0)

    @property
    def mean(self) -> list[float]:
        return (self.sums / max(1, self.number)).tolist()

    @property
    def deviation(self) -> list[float]:
        number = max(1, self.number)
        return np.sqrt(np.maximum(self.squares / number - np.square(self.sums / number), 0)).tolist()


def _fate(record: "SequenceRecord", reader: "FrameReader", quick: bool, moments: Moments) -> FileFate:
    """What one sequence turned out to be."""
    known = 0 if record.labels is None else int((record.labels >= 0).reshape(len(record.labels), -1).any(axis=1).sum())
    frames, rate, error = 0, None, ""
    try:
        rate = reader.rate(record.source)
        frames = _frames(record, reader, quick, moments if record.split in ("train", None) else Moments())
        if record.labels is not None and len(record.labels) != frames:
            error = f"{frames} frames came, {len(record.labels)} labels are written"
    except UserError as problem:
        error = str(problem)
    return FileFate(record.id, record.split, record.group, record.label, frames, rate, known, error)


def _frames(record: "SequenceRecord", reader: "FrameReader", quick: bool, moments: Moments) -> int:
    """How many frames the sequence has; read to the last of them, and measured, unless quick."""
    from seqvision.data.sequences.readers.video import VideoReader

    start, stop = record.span or (0, None)
    if quick:
        return (stop if stop is not None else reader.length(record.source)) - start
    if isinstance(reader, VideoReader):  # an hour does not fit into memory
        parts = reader.read_chunks(record.source, start, stop, size=CHUNK)
    else:
        parts = iter([reader.read(record.source, start, stop)])
    frames = 0
    for part in parts:
        moments.add(part)
        frames += len(part)
    return frames


def _counts(some: "Sequence[tuple[SequenceRecord, FileFate]]", classes: Sequence[str]) -> SplitCounts:
    lengths = [fate.frames for _, fate in some if not fate.error] or [0]
    counts = dict.fromkeys(classes, 0)
    for record, _ in some:
        if record.labels is None:
            if record.label is not None:
                counts[record.label] += 1
            continue
        several = record.labels.ndim == 2
        for place, name in enumerate(classes):
            counts[name] += int((record.labels[:, place] == 1).sum() if several else (record.labels == place).sum())
    labelled = sum(fate.labelled for _, fate in some)
    if all(record.labels is None for record, _ in some):
        unlabelled = sum(record.label is None for record, _ in some) / len(some)
    else:
        unlabelled = 1 - labelled / max(1, sum(lengths))
    return SplitCounts(
        sequences=len(some),
        frames=sum(lengths),
        shortest=min(lengths),
        median=int(np.median(lengths)),
        longest=max(lengths),
        unlabelled=max(0.0, unlabelled),
        classes=counts,
    )


def _leaks(records: "Sequence[SequenceRecord]") -> list[dict[str, str]]:
    """Files with the same bytes in several splits, each with its split."""
    files: dict[Path, SequenceRecord] = {}
    for record in records:
        if isinstance(record.source, Path) and record.span is None:
            files.setdefault(record.source, record)
    sizes: dict[int, list[Path]] = {}
    for file in files:
        if file.is_file():
            sizes.setdefault(file.stat().st_size, []).append(file)
    same: dict[str, list[SequenceRecord]] = {}
    for alike in sizes.values():
        for file in alike if len(alike) > 1 else ():
            with open(file, "rb") as opened:
                same.setdefault(_digest(opened), []).append(files[file])
    groups = [group for group in same.values() if len({record.split for record in group}) > 1]
    return [{record.id: record.split or "no split" for record in group} for group in groups]


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()


def _unused(data: "SequenceData", records: "Sequence[SequenceRecord]") -> list[str]:
    """The files beside those that are read, of the same kind, that no sequence comes from."""
    used = {record.source.resolve() for record in records if isinstance(record.source, Path)}
    kinds = {file.suffix.lower() for file in used}
    folders = {file.parent for file in used}
    beside = (file for folder in sorted(folders) for file in sorted(folder.iterdir()))
    return [str(file) for file in beside if file.suffix.lower() in kinds and file.is_file() and file not in used]
