"""`seqvision label` on files: each recording is read, labelled, written and told in a line."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.cli.sources import named_sources, said_of
from seqvision.data import VideoReader
from seqvision.data.progress import tracked
from seqvision.errors import UserError
from seqvision.inference import LoadedLabeller, label
from seqvision.inference.label_clips import write_clips
from seqvision.inference.label_folder import LabelFolder
from seqvision.inference.label_outputs import (
    FORMATS,
    IN_SECONDS,
    Labelled,
    frame_edges,
    names_of,
    write_labelled,
    write_timeline,
    write_video,
)
from seqvision.inference.label_scores import label_scores
from seqvision.inference.sequences import deciding_together
from seqvision.inference.short_segments import without_short
from seqvision.inference.truth import Truth
from seqvision.inference.uncertainty import least_certain, write_stretches
from seqvision.wording import counted

UNCERTAIN_SECONDS, UNCERTAIN_FRAMES = 2.0, 50  # of a stretch that is worth labelling; frames without a clock


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording that can be read, before it is labelled."""

    name: str
    source: Path
    edges: np.ndarray | None
    truth: np.ndarray | None
    kinds: tuple[str, ...]


def label_files(labellers: Sequence[LoadedLabeller], given: argparse.Namespace, formats: Sequence[str]) -> int:
    """0, or 1 if recordings were skipped."""
    return _Labelling(labellers, given, formats)()


class _Labelling:
    """One run of the command. Classes and how videos are read are those of the first labeller."""

    def __init__(self, labellers: Sequence[LoadedLabeller], given: argparse.Namespace, formats: Sequence[str]):
        labellers = deciding_together(labellers)
        labeller = labellers[0]
        self.labellers, self.labeller, self.given, self.formats = labellers, labeller, given, formats
        if (given.video or given.clips) and not isinstance(labeller.reader, VideoReader):
            raise UserError(
                f"--{'video' if given.video else 'clips'}: the model reads features, so that there is no video"
            )
        # once, those too that standard input names again: each has files of its own
        named = dict.fromkeys(named_sources(given.inputs, labeller.reader))
        truths = [] if given.truth is None else [given.truth, *(given.truth.rglob("*") if given.truth.is_dir() else [])]
        files = ", ".join(str(each.path.resolve()) for each in labellers)
        about = {"written_by": "seqvision label", "checkpoint": files}
        self.folder = LabelFolder(given.output, inputs=truths, overwrite=given.overwrite, about=about)
        self.named = [(folder, file) for folder, file in named if not self.folder.made(file)]
        self.folder.inputs.update(file.resolve() for _, file in self.named)
        if not self.named:
            raise UserError(f"{given.output}: the inputs are this command's own outputs; name recordings")
        self.in_frames = False
        self.skipped = 0
        self.dropped = 0
        self.labelled: list[Labelled] = []  # with probabilities only where something is asked for at the end
        self.true: list[np.ndarray | None] = []

    def __call__(self) -> int:
        for recording in self._readable():
            try:
                labelled = self._labelled(recording)
            except UserError as error:
                self._skip(recording.source, error)
                continue
            files = self._written(labelled, recording)
            self._tell(labelled, recording, files)
            if self.given.uncertain or recording.truth is not None:
                self.labelled.append(labelled)
                self.true.append(recording.truth)
        self._tell_all()
        if self.skipped:
            print(
                f"seqvision: {self.skipped} of {counted(len(self.named), 'recording')} skipped, see above",
                file=sys.stderr,
            )
        return 1 if self.skipped else 0

    def _readable(self) -> list[Recording]:
        """What is to be labelled, with all that can be found wrong before the first is: this may take hours."""
        given, reader = self.given, self.labeller.reader
        truth = None
        if given.truth is not None:
            truth = Truth(given.truth, [file for _, file in self.named], self.labeller, align=given.align)
        found = []
        places = zip(names_of(self.named), (file for _, file in self.named), strict=True)
        for name, source in tracked(places, total=len(self.named), description="Looking into the recordings"):
            try:
                frames = reader.length(source)
                edges = frame_edges(reader, source, frames, given.frame_rate) if frames else None
            except UserError as error:
                self._skip(source, error)
                continue
            kinds = tuple(self.formats)
            if edges is None:
                kinds = self._without_clock(source)
            for ending in self._endings(kinds):
                self.folder.path(f"{name}{ending}")
            said = truth.labels(source, frames, edges) if truth is not None else None
            found.append(Recording(name, source, edges, said, kinds))
        if given.truth is not None and found and all(one.truth is None for one in found):
            raise UserError(f"--truth {given.truth}: no labels in it for any of {counted(len(found), 'recording')}")
        return found

    def _without_clock(self, source: Path) -> tuple[str, ...]:
        """The kinds of files that can do without seconds. Those that were asked for by name must not be left out."""
        needing = [kind for kind in self.formats if kind in IN_SECONDS]
        asked = f"--formats {needing[0]}" if needing and self.given.formats else None
        asked = "--min-seconds" if self.given.min_seconds else asked
        if asked:
            raise UserError(
                f"{source}: no clock, so that its frames cannot be told in seconds, which {asked} needs. Say the "
                "frames a second with --frame-rate"
            )
        if needing and not self.in_frames:
            self.in_frames = True
            print(
                f"seqvision: {source}: no clock, so that times are counted in frames and there is no "
                f"{FORMATS[needing[0]]}; for seconds say the frames a second with --frame-rate",
                file=sys.stderr,
            )
        return tuple(kind for kind in self.formats if kind not in IN_SECONDS)

    def _endings(self, kinds: Sequence[str]) -> list[str]:
        pictures = [".png"] * self.given.timeline + [".labelled.mp4"] * self.given.video
        return [*(FORMATS[kind] for kind in kinds), *pictures]

    def _labelled(self, recording: Recording) -> Labelled:
        source, given = recording.source, self.given
        total = -(-self.labeller.reader.length(source) // given.batch_size)
        watch = partial(tracked, total=total, description=f"Labelling {source.name}")
        probabilities = label(self.labellers, source, part=given.batch_size, watch=watch)
        labels = self.labeller.decide(probabilities)
        if given.min_seconds and recording.edges is not None:
            labels, dropped = _without_short(labels, probabilities, recording.edges, given.min_seconds)
            self.dropped += dropped
        return Labelled(recording.name, source, self.labeller.classes, labels, probabilities, recording.edges)

    def _written(self, labelled: Labelled, recording: Recording) -> list[Path]:
        given, name = self.given, recording.name
        files = []
        for kind in recording.kinds:
            path = self.folder.path(f"{name}{FORMATS[kind]}")
            write_labelled(labelled, kind, path, probabilities=given.probabilities)
            files.append(path)
        if given.timeline:
            files.append(self.folder.path(f"{name}.png"))
            write_timeline(labelled, files[-1], recording.truth)
        reader = self.labeller.reader
        if given.video and isinstance(reader, VideoReader):
            files.append(self.folder.path(f"{name}.labelled.mp4"))
            write_video(labelled, files[-1], reader, recording.truth)
        if given.clips and isinstance(reader, VideoReader):
            files += write_clips(labelled, self.folder, reader)
        for path in files:
            self.folder.keep(path)
        return files

    def _tell(self, labelled: Labelled, recording: Recording, files: Sequence[Path]) -> None:
        scores = None
        if recording.truth is not None:
            scores = label_scores([labelled], [recording.truth], self.labeller)
        if self.given.format == "jsonl":
            entry: dict[str, Any] = {
                "id": str(recording.source),
                "frames": len(labelled),
                "frame_rate": labelled.rate,
                "unit": "frames" if labelled.edges is None else "seconds",
                "segments": [
                    {
                        "start": segment.start,
                        "end": segment.stop,
                        "label": segment.label,
                        "probability": one.probability,
                    }
                    for segment, one in zip(labelled.segments, labelled.found, strict=True)
                ],
                "files": [str(path) for path in files],
            }
            _print_json(entry if scores is None else {**entry, "scores": scores.values})
            return
        unit = " frames" if labelled.edges is None else " s"
        of_label = labelled.by_label()
        length = counted(len(labelled), "frame") if labelled.edges is None else f"{float(labelled.edges[-1]):.1f} s"
        digits = 0 if labelled.edges is None else 1
        counts = ", ".join(f"{name} {count} ({total:.{digits}f}{unit})" for name, (count, total) in of_label.items())
        line = f"{recording.source}: {length}, {counted(len(labelled.found), 'segment')}: {counts or 'nothing'}"
        print(line if scores is None else f"{line}; {scores.text}", flush=True)

    def _tell_all(self) -> None:
        given = self.given
        text = given.format == "text"
        scored = [place for place, truth in enumerate(self.true) if truth is not None]
        if len(scored) > 1:
            truth = [labels for labels in self.true if labels is not None]
            scores = label_scores([self.labelled[place] for place in scored], truth, self.labeller)
            if text:
                print(
                    f"all together, {counted(len(scored), 'recording')} with truth ({scores.protocol}): {scores.text}"
                )
            else:
                _print_json({"scores": scores.values, "protocol": scores.protocol})
        if text and self.skipped < len(self.named):
            went = "was given to its" if self.dropped == 1 else "were given to their"
            print(
                f"{counted(self.dropped, 'segment')} shorter than {given.min_seconds:g} s {went} neighbours"
                if given.min_seconds
                else "segments are as they were predicted; --min-seconds X would drop shorter ones"
            )
        if given.uncertain and self.labelled:
            self._tell_uncertain()

    def _tell_uncertain(self) -> None:
        frames = [round(UNCERTAIN_SECONDS * one.rate) if one.rate else UNCERTAIN_FRAMES for one in self.labelled]
        stretches = least_certain(
            [one.probabilities for one in self.labelled],
            self.given.uncertain,
            frames=frames,
            thresholds=self.labeller.thresholds,
        )
        path = self.folder.path("uncertain.csv")
        rows = write_stretches(stretches, self.labelled, path)
        self.folder.keep(path)
        if self.given.format == "jsonl":
            _print_json({"uncertain": rows})
            return
        print(f"least certain, worth labelling next ({path}):")
        for row in rows:
            start, end = (row.get("start", row.get("start_frame")), row.get("end", row.get("end_frame")))
            unit = "s" if "start" in row else "frames"
            print(
                f"  {row['file']}  {start} to {end} {unit}: {row['label']} or {row['second']} (margin {row['margin']})"
            )

    def _skip(self, source: Path, error: UserError) -> None:
        self.skipped += 1
        print(f"seqvision: skipped {said_of(source, error)}", file=sys.stderr)


def _without_short(
    labels: np.ndarray, probabilities: np.ndarray, edges: np.ndarray, shortest: float
) -> tuple[np.ndarray, int]:
    """As `without_short`; with several labels a frame, each by itself, its absence being a label too."""
    if labels.ndim == 1:
        return without_short(labels, probabilities, edges, shortest)
    columns = [
        without_short(column, np.stack([1 - share, share], axis=1), edges, shortest)
        for column, share in zip(labels.T, probabilities.T, strict=True)
    ]
    return np.stack([column for column, _ in columns], axis=1), sum(dropped for _, dropped in columns)


def _print_json(entry: dict[str, Any]) -> None:
    print(json.dumps(entry, ensure_ascii=False), flush=True)
