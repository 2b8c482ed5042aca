"""`seqvision label` on files: each recording is read, labelled, written and told in a line."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqvision import __version__
from seqvision.cli.label_summary import summary_entry, summary_line
from seqvision.cli.output import json_line
from seqvision.cli.sources import named_sources, said_of
from seqvision.data import VideoReader
from seqvision.data.progress import tracked
from seqvision.errors import UserError
from seqvision.files import temporary_folder, writing
from seqvision.inference import LoadedLabeller, label
from seqvision.inference.label_clips import clips_of, write_clips
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

SETTINGS = ("probabilities", "timeline", "video", "clips", "min_seconds", "frame_rate", "set")
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
        self.digests = [each.digest for each in labellers]
        self.in_frames = False
        self.skipped = 0
        self.dropped = 0
        self.labelled: list[Labelled] = []  # with probabilities only where something is asked for at the end
        self.true: list[np.ndarray | None] = []

    def __call__(self) -> int:
        for recording in self._readable():
            known = self._labelled_before(recording)
            if known is not None:
                self._tell(known)
                continue
            try:
                labelled, dropped = self._labelled(recording)
            except UserError as error:
                self._skip(recording.source, error)
                continue
            self._tell(self._written(labelled, recording, dropped))
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

    def _settings(self, recording: Recording) -> dict[str, Any]:
        """All that a recording's files depend on: what is labelled again where it is another."""
        given, stat = self.given, recording.source.stat()
        return {
            "source": [str(recording.source), stat.st_size, stat.st_mtime_ns],
            "version": __version__,
            "models": self.digests,
            "kinds": list(recording.kinds),
            **{name: getattr(given, name) for name in SETTINGS},
        }

    def _labelled_before(self, recording: Recording) -> dict[str, Any] | None:
        """What is on record of a recording that this command has labelled, where that need not be done again: not for
        scores nor for uncertain stretches, which need all probabilities.
        """
        if self.given.overwrite or self.given.truth is not None or self.given.uncertain:
            return None
        return self.folder.complete(recording.name, settings=self._settings(recording))

    def _labelled(self, recording: Recording) -> tuple[Labelled, int]:
        """The recording with its labels, and how many short segments were dropped."""
        source, given = recording.source, self.given
        total = -(-self.labeller.reader.length(source) // given.batch_size)
        watch = partial(tracked, total=total, description=f"Labelling {source.name}")
        probabilities = label(self.labellers, source, part=given.batch_size, watch=watch)
        labels, dropped = self.labeller.decide(probabilities), 0
        if given.min_seconds and recording.edges is not None:
            labels, dropped = _without_short(labels, probabilities, recording.edges, given.min_seconds)
        labelled = Labelled(recording.name, source, self.labeller.classes, labels, probabilities, recording.edges)
        return labelled, dropped

    def _written(self, labelled: Labelled, recording: Recording, dropped: int) -> dict[str, Any]:
        """Writes the recording's files, all or none of them; what is on record about it then."""
        given, name, reader = self.given, recording.name, self.labeller.reader
        scores = label_scores([labelled], [recording.truth], self.labeller) if recording.truth is not None else None
        with writing(given.output):
            given.output.mkdir(parents=True, exist_ok=True)
        with temporary_folder(given.output) as made:
            drafts = {f"{name}{ending}": made / f"{name}{ending}" for ending in self._endings(recording.kinds)}
            for kind in recording.kinds:
                draft = drafts[f"{name}{FORMATS[kind]}"]
                write_labelled(labelled, kind, draft, probabilities=given.probabilities)
            if given.timeline:
                write_timeline(labelled, drafts[f"{name}.png"], recording.truth)
            if given.video and isinstance(reader, VideoReader):
                write_video(labelled, drafts[f"{name}.labelled.mp4"], reader, recording.truth)
            if given.clips and isinstance(reader, VideoReader):
                drafts |= write_clips(labelled, made / "clips", reader)
                self.folder.clear(clips_of(name))
            about = {
                "settings": self._settings(recording),
                "dropped": dropped,
                "line": summary_line(labelled, scores),
                "entry": summary_entry(labelled, [given.output / file for file in drafts], scores),
            }
            self.folder.publish(drafts, name, **about)
        return about

    def _tell(self, about: dict[str, Any]) -> None:
        self.dropped += about["dropped"]
        if self.given.format == "jsonl":
            _print_json(about["entry"])
        else:
            print(about["line"], flush=True)

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
        with temporary_folder(self.given.output) as made:
            rows = write_stretches(stretches, self.labelled, made / "uncertain.csv")
            (path,) = self.folder.publish({"uncertain.csv": made / "uncertain.csv"})
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
    print(json_line(entry), flush=True)
