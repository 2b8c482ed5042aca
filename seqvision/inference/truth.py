"""What people said a recording's frames are, beside which a labeller's prediction is put."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data import VideoReader
from seqvision.data.annotations.annotations import Choice
from seqvision.data.annotations.segments import check_lengths, label_matrix, owners
from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.align import align_labels
from seqvision.data.sequences.formats.video_files import id_of
from seqvision.data.sequences.formats.video_labels import Labelled, find_labels, inside
from seqvision.data.sequences.frame_labels import FrameMatrix, FrameNames, read_frame_labels
from seqvision.data.sequences.label_names import UNLABELLED, LabelRules
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference.sequences import LoadedLabeller
from seqvision.names import meant, one_meant, text_of


class Truth:
    """The labels of recordings, from a folder with a file for each, from a data set's folder where they lie in their
    usual place, or from one file, which may be about further recordings. As the labeller was trained: labels are
    merged, tracks chosen, frames that no segment covers are taken, and differing lengths treated as its configuration
    says.

    align: "error", "truncate" or "resample", in place of what the configuration says.
    """

    def __init__(self, place: Path, sources: Sequence[Path], labeller: LoadedLabeller, *, align: str | None = None):
        if not place.exists():
            raise UserError(f"--truth {place}: no such file or folder (looked from {Path.cwd()})")
        self.labeller = labeller
        root = Path(os.path.commonpath([source.absolute().parent for source in sources]))
        by_name = {id_of(source.absolute(), root): source for source in sources}
        if place.is_dir():
            place = inside(place, sources)
        said: Any = labeller.config.get("data", {})
        found = find_labels(
            place.parent,
            list(by_name.values()),
            list(by_name),
            given=place,
            unit=said.get("unit"),
            choice=Choice(said.get("track"), said.get("observation"), lenient=True),
            encoding=said.get("encoding") or "utf-8",
            others=True,
        )
        self.of = {by_name[name]: labelled for name, labelled in found.of.items()}
        self.align = align or said.get("align") or "error"
        self.background: str | None = said.get("background")
        self.rules = LabelRules(said.get("merge") or {}, said.get("unlabelled") or UNLABELLED)

    def labels(self, source: Path, frames: int, edges: np.ndarray | None) -> np.ndarray | None:
        """The truth for the labeller's frames, (time,) or (time, classes), -1 where nobody said; None if there is none.

        edges: when the frames begin and end, in seconds; without, segments must be told in frames.
        """
        labelled = self.of.get(source)
        if labelled is None:
            return None
        reader = self.labeller.reader
        sampled = reader.frame_numbers(source) if isinstance(reader, VideoReader) else np.arange(frames)
        recorded = len(reader.recorded(source)) if isinstance(reader, VideoReader) else frames
        if labelled.segments is not None and labelled.unit != "frames":
            if edges is None:
                raise UserError(
                    f"{source}: no clock, so that the seconds in {labelled.file.name} say nothing. Say the frames a "
                    "second with --frame-rate"
                )
            return self._of_segments(labelled, source, (edges[1:] + edges[:-1]) / 2, frames / float(edges[-1]))
        if labelled.segments is not None:
            return self._of_segments(labelled, source, np.arange(recorded) + 0.5, 1.0)[sampled]
        found = self._of_frames(labelled, recorded)
        record = SequenceRecord(source.name, source, labels=found)
        files = {source.name: str(labelled.file)}
        with _in_the_commands_words():
            (aligned,), _ = align_labels([record], [recorded], align=self.align, label_files=files)
        assert aligned.labels is not None
        rest = np.full((recorded - len(aligned.labels), *found.shape[1:]), -1)
        return np.concatenate([aligned.labels, rest])[sampled]

    def _of_segments(self, labelled: Labelled, source: Path, middles: np.ndarray, rate: float) -> np.ndarray:
        segments, where = labelled.segments or [], labelled.file.name
        classes = self.labeller.classes
        align = "error" if self.align == "error" else "truncate"
        with _in_the_commands_words():
            check_lengths(segments, len(middles), rate, where=where, video=source.name, align=align)
        places = [self._place(segment.label, segment.where or where) for segment in segments]
        if self.labeller.thresholds is not None:
            said = list(zip(segments, places, strict=True))
            known = [replace(segment, label=classes[place]) for segment, place in said if place >= 0]
            unknown = [segment for segment, place in said if place < 0]
            return label_matrix(known, middles, classes, known=self.background is not None, unknown=unknown)
        empty = -1 if self.background is None else self._place(text_of(self.background), "data.background")
        return np.where((of := owners(segments, middles, where=where)) >= 0, np.array([*places, 0])[of], empty)

    def _of_frames(self, labelled: Labelled, recorded: int) -> np.ndarray:
        several = self.labeller.thresholds is not None
        frames = recorded if self.align == "error" and not several else None
        read = read_frame_labels(labelled.file, multilabel=several, frames=frames)
        if isinstance(read, FrameMatrix):
            values = np.full((len(read), len(self.labeller.classes)), -1)
            for column, name in enumerate(read.classes):
                place = self._place(name, f"{read.where} column")
                values[:, place] = np.maximum(values[:, place], read.values[:, column])  # merged: 1 where one is
            return values
        if several:
            raise UserError(
                f"{read.where}: one label a frame, where the model knows several at once. Give a table with a column "
                "of 0 and 1 for each label, or segments"
            )
        return self._places(read)

    def _places(self, read: FrameNames) -> np.ndarray:
        rows = dict(zip(reversed(read.names), reversed(read.rows), strict=True))  # the first row of each
        places = {name: self._place(name, f"{read.where} row {row}") for name, row in rows.items()}
        return np.array([places[name] for name in read.names], dtype=np.int64)

    def _place(self, name: str, where: str) -> int:
        """The class that a written label means; -1 where nobody said."""
        classes = self.labeller.classes
        becomes = name if meant(name, classes) else self.rules.of(name)
        if not becomes:
            return -1
        if not meant(becomes, classes):
            listed = ", ".join(classes[:12]) + (", …" if len(classes) > 12 else "")
            raise UserError(
                f"{where}: '{name}' is none of the model's {len(classes)} classes ({listed})"
                f"{did_you_mean(name, classes)}. Correct the label, or leave it empty where the model cannot know it"
            )
        return classes.index(one_meant(becomes, classes))


@contextmanager
def _in_the_commands_words() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace("data.align=", "--align ")) from error
