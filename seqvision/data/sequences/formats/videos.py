"""Videos with labels for their frames, or with none: what is read for frame labelling."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seqvision.data.annotations.annotations import Choice
from seqvision.data.annotations.segments import check_lengths, label_matrix, owners
from seqvision.data.core.faults import each
from seqvision.data.progress import tracked
from seqvision.data.sequences.align import ALIGNMENTS, align_labels
from seqvision.data.sequences.formats.mstcn import bundles, read_mapping
from seqvision.data.sequences.formats.video_files import id_of, list_videos
from seqvision.data.sequences.formats.video_labels import Labelled, find_labels
from seqvision.data.sequences.frame_labels import FrameMatrix, FrameNames, join_matrices, read_frame_labels
from seqvision.data.sequences.label_names import UNLABELLED, LabelRules, class_notes, encode_labels
from seqvision.data.sequences.readers.recording import Recording
from seqvision.data.sequences.readers.video import VideoReader
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.data.sequences.split_lists import listed_splits
from seqvision.data.sequences.splits import split_rule, split_sequences
from seqvision.errors import UserError
from seqvision.names import Name, all_meant, one_meant, text_of
from seqvision.wording import counted

Read = TypeVar("Read")


def read_videos(
    path: str | Path | Sequence[str | Path],
    *,
    reader: VideoReader | None = None,
    labels: str | Path | None = None,
    unit: str | None = None,
    track: Name = None,
    observation: Name | Sequence[Name] = None,
    background: Name = None,
    multilabel: bool = False,
    merge: Mapping[Any, Name] | None = None,
    unlabelled: Sequence[Name] = UNLABELLED,
    classes: Sequence[Name] | None = None,
    align: str = "error",
    split: int | None = 1,
    splits: Mapping[str, Any] | None = None,
    encoding: str = "utf-8",
    progress: bool = True,
) -> SequenceSet:
    """One record a video with its frames' labels, sampled as the reader samples the frames; data/README.md shows the
    layouts.

    path        a folder of videos (with its subfolders), a video, or a list of these
    reader      what reads the frames: its frame rate and stride hold for the labels too
    labels      a folder with a file for each video (`NAME.txt` with a label a line, a table, or an annotation of
                segments), or one table of segments for all videos; None: looked for in `groundTruth/`, `labels/`,
                `annotations/`, beside the videos, and in `segments.csv`
    unit        of segments: "seconds" or "frames"; None: as the file's columns are called, else seconds
    track       the one tier, subject or track of the segments that counts; None: all
    observation the session (of BORIS) that counts where a video has several, `*` for any letters, or a list of them
    background  the class of frames that no segment covers; None: nobody said what they are. With `multilabel` none of
                the classes happens there
    multilabel  several labels a frame: tables with a column of 0 and 1 a label, or segments that may overlap
    merge, unlabelled, classes: what written labels mean, as `LabelRules` has them
    align       frames and labels that differ in number: "error", "truncate" or "resample"
    split       which of the data's own `splits/train.split1.bundle`, … is taken; None: all videos, and no split is
                made, as for the truth of a few videos
    splits      how splits are made where the data has none, as `SplitRule` has them

    Videos without labels have None for them. UserError for all that is wrong with the files.
    """
    if align not in ALIGNMENTS:
        raise UserError(f"data.align={align}: expected {', '.join(ALIGNMENTS[:-1])} or {ALIGNMENTS[-1]}")
    reader = reader or VideoReader()
    root, videos = list_videos(path)
    ids = [id_of(video, root) for video in videos]
    choice = Choice(track, observation)
    found = find_labels(root, videos, ids, given=labels, unit=unit, choice=choice, encoding=encoding)
    records = [
        SequenceRecord(name, video, split=found.split(name), group=found.groups.get(name))
        for name, video in zip(ids, videos, strict=True)
    ]
    lists = {} if split is None else bundles(root / "splits", split)
    records, notes = listed_splits(records, lists, encoding=encoding) if lists else (records, [])
    looked = tracked(records, total=len(records), description="Looking into the videos", show=progress)
    films: dict[str, Recording] = {}
    for record in looked:
        with each():
            films[record.id] = reader.recorded(record.source)
    records = [record for record in records if record.id in films]  # all, unless a check collects the faults
    of = {record.id: found.of[record.id] for record in records if record.id in found.of}
    given = [text_of(name) for name in classes or ()]
    known = given or read_mapping(root / "mapping.txt", encoding=encoding)
    rules = LabelRules(merge or {}, unlabelled, classes)
    names = sorted({segment.label for labelled in of.values() for segment in labelled.segments or ()})
    rest = None if background is None else one_meant(background, names)
    if multilabel:
        silent = all_meant(unlabelled, names)
        matrices = _of_each(
            of,
            lambda name: _matrix(of[name], films[name], names, silent, rest is not None, align, encoding, notes),
        )
        of = {name: of[name] for name in matrices}
        encoded, found_classes, label_notes = (
            join_matrices(list(matrices.values()), merge=merge, order=classes) if of else ([], (), [])
        )
    else:
        written = _of_each(of, lambda name: _names(of[name], films[name], rest, align, encoding, notes))
        of = {name: of[name] for name in written}
        encoded, found_classes, label_notes = (
            encode_labels(list(written.values()), rules, known=known) if of else ([], (), [])
        )
    places = dict(zip(of, encoded, strict=True))
    records = [replace(record, labels=places.get(record.id)) for record in records]
    files = {name: str(labelled.file) for name, labelled in of.items()}
    lengths = [len(films[record.id]) for record in records]
    records, align_notes = align_labels(records, lengths, align=align, label_files=files)
    records = [_sampled(record, reader.frame_numbers(record.source)) for record in records]
    notes += [*found.notes, *label_notes, *align_notes]
    if of:
        silent = [record.id for record in records if record.labels is None]
        if silent:
            notes.append(f"labels: none for {len(silent)} of {counted(len(records), 'video')}, e.g. '{silent[0]}'")
    if not of and split is not None:
        stem = Path(ids[0]).stem
        notes.append(
            f"labels: none found for {counted(len(ids), 'video')}; call their files as the videos, e.g. {stem}.txt, "
            f"{stem}.csv, {stem}.eaf or {stem}_labels.csv beside {ids[0]}, or name them with data.labels"
        )
    if of and split is not None:
        rates = [reader.rate(record.source) for record in records]
        records, split_notes = split_sequences(records, split_rule(splits), rates=rates)
        notes += split_notes + class_notes(records, found_classes)
    return SequenceSet(records, tuple(found_classes or known or ()), multilabel, notes)


def _of_each(names: Iterable[str], read: Callable[[str], Read]) -> dict[str, Read]:
    """What is read for each of the names; without those with a fault, where a check collects the faults."""
    found: dict[str, Read] = {}
    for name in names:
        with each():
            found[name] = read(name)
    return found


def _moments(labelled: Labelled, film: Recording) -> tuple[np.ndarray, float]:
    """The middle of each frame in the unit of the segments, and the frames in one such unit."""
    if labelled.unit == "frames":
        return np.arange(len(film)) + 0.5, 1.0
    if film.rate is None:
        raise UserError(
            f"{film.name}: no frame rate is known for it, so that the seconds in {labelled.file.name} say nothing. "
            "Write the segments in frames (data.unit=frames)."
        )
    ends = np.append(film.times[1:], film.duration)
    return (film.times + ends) / 2, len(film) / film.duration


def _names(
    labelled: Labelled, film: Recording, background: str | None, align: str, encoding: str, notes: list[str]
) -> FrameNames:
    """The labels of a video's frames as they are written."""
    if labelled.segments is None:
        frames = len(film) if align == "error" else None
        read = read_frame_labels(labelled.file, frames=frames, encoding=encoding)
        assert isinstance(read, FrameNames)
        return read
    middles = _checked(labelled, film, align, notes)
    of = owners(labelled.segments, middles, where=labelled.file.name)
    names = [segment.label for segment in labelled.segments] + [background or ""]
    written = [segment.where.rpartition(" ")[2] for segment in labelled.segments]
    rows = [int(row) if row.isdecimal() else place for place, row in enumerate(written, start=1)] + [0]
    return FrameNames([names[i] for i in of.tolist()], labelled.file.name, [rows[i] for i in of.tolist()])


def _matrix(
    labelled: Labelled,
    film: Recording,
    names: Sequence[str],
    unlabelled: Sequence[str],
    known: bool,
    align: str,
    encoding: str,
    notes: list[str],
) -> FrameMatrix:
    """Several labels a frame: a table's columns, or segments that may overlap."""
    if labelled.segments is None:
        read = read_frame_labels(labelled.file, multilabel=True, encoding=encoding)
        if isinstance(read, FrameNames):
            raise UserError(
                f"{labelled.file.name}: one label a frame, where data.multilabel=true wants a table with a column of 0 "
                "and 1 for each label. Leave data.multilabel out, or name another file."
            )
        return read
    middles = _checked(labelled, film, align, notes)
    unknown = [segment for segment in labelled.segments if segment.label in unlabelled]
    classes = tuple(name for name in names if name not in unlabelled)
    said = [segment for segment in labelled.segments if segment.label not in unlabelled]
    return FrameMatrix(classes, label_matrix(said, middles, classes, known=known, unknown=unknown), labelled.file.name)


def _checked(labelled: Labelled, film: Recording, align: str, notes: list[str]) -> np.ndarray:
    middles, rate = _moments(labelled, film)
    how = "error" if align == "error" else "truncate"
    note = check_lengths(
        labelled.segments or [], len(film), rate, where=labelled.file.name, video=Path(film.name).name, align=how
    )
    notes += [f"labels: {note}"] if note else []
    return middles


def _sampled(record: SequenceRecord, numbers: np.ndarray) -> SequenceRecord:
    """The record, whose labels are those of the recorded frames, with the labels of the frames that are sampled."""
    if record.labels is None:
        return record
    kept = int(np.searchsorted(numbers, len(record.labels), side="left"))
    return replace(record, labels=record.labels[numbers[:kept]], span=(0, kept) if kept < len(numbers) else None)
