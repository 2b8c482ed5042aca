"""What a check of a data set of sequences found, as text and as data."""

from dataclasses import asdict, dataclass, field
from typing import Any

from seqvision.data.check_lines import leak_lines, listed, table_lines, verdict
from seqvision.wording import counted

_FEW = 8  # channels whose numbers the text lists
_SHOWN = 30  # how many files and classes the text lists; `to_dict` has all of them


@dataclass(frozen=True)
class FileFate:
    """What became of one sequence: its split, its group, its class, its frames, how many of these have a label, and
    why it cannot be used, or "".
    """

    id: str
    split: str | None
    group: str | None
    label: str | None
    frames: int
    rate: float | None
    labelled: int
    error: str


@dataclass(frozen=True)
class SplitCounts:
    """A split in numbers: lengths in frames, the share of what has no label, and how often each class occurs."""

    sequences: int
    frames: int
    shortest: int
    median: int
    longest: int
    unlabelled: float
    classes: dict[str, int]


@dataclass(frozen=True)
class SequenceReport:
    """A data set of sequences in numbers, its faults by name, and what reading it had to say.

    counted    what a class's numbers count: "frames", or "sequences"
    files      the fate of every sequence
    leaks      files with the same bytes in several splits, each with its split
    unused     files of the same kind beside them that no sequence comes from
    steps      what a sequence consists of: "frames", or "words"
    suspects   labels that may be one, written in two ways
    lacking    what `seqvision evaluate` will lack
    notes      what was left out, merged, cut, or looks like a slip
    channel_mean, channel_std   of the training frames: of each channel on a scale from 0 to 1, or of each feature
    """

    source: str
    layout: str
    classes: list[str]
    counted: str
    multilabel: bool
    splits: dict[str, SplitCounts]
    files: list[FileFate]
    leaks: list[dict[str, str]]
    unused: list[str]
    notes: list[str]
    faults: list[str]
    steps: str = "frames"
    suspects: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    channel_mean: list[float] = field(default_factory=list)
    channel_std: list[float] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether training would start, and would not test on what it was trained on."""
        return not (self.faults or self.leaks or any(fate.error for fate in self.files))

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def to_text(self) -> str:
        """All of it for people, long lists cut to their first entries."""
        seconds = [fate.frames / fate.rate for fate in self.files if fate.rate]
        clock = f", {_time(sum(seconds))}" if len(seconds) == len(self.files) and seconds else ""
        frames = sum(fate.frames for fate in self.files)
        step = self.steps.removesuffix("s")
        lines = [
            f"{self.source} (layout {self.layout})",
            f"  sequences     {len(self.files)}, {counted(frames, step)}{clock}; "
            f"{counted(len(self.classes), 'class', plural='classes')}"
            + (", several a frame" if self.multilabel else ""),
        ]
        for name, split in self.splits.items():
            lines.append(
                f"  {name:<13} {counted(split.sequences, 'sequence')}, {counted(split.frames, step)} "
                f"({split.shortest} to {split.longest}, median {split.median})"
                + (f"; {split.unlabelled:.1%} of the {self.counted} unlabelled" if split.unlabelled else "")
            )
        if 0 < len(self.channel_mean) <= _FEW:
            lines.append(
                f"  channels      mean {' '.join(f'{value:.3f}' for value in self.channel_mean)}, "
                f"deviation {' '.join(f'{value:.3f}' for value in self.channel_std)} in training"
            )
        lines += table_lines(self.counted, {name: split.classes for name, split in self.splits.items()}, shown=_SHOWN)
        broken = [fate for fate in self.files if fate.error]
        shown = self.files if len(self.files) <= _SHOWN else broken[:_SHOWN]
        if shown:
            lines.append("files" if shown is self.files else f"files that cannot be used: {len(broken)}")
            lines += [f"  {_fate(fate, step)}" for fate in shown]
        lines += listed(
            {
                "the same file in several splits": leak_lines(self.leaks),
                "files that are not used": self.unused,
                "labels that may be one": self.suspects,
                "notes": [*self.notes, *self.lacking],
                "faults": self.faults,
            },
            shown=_SHOWN,
        )
        return "\n".join([*lines, verdict(self.ok)])


def _fate(fate: FileFate, step: str) -> str:
    if fate.error:
        return f"{fate.id}: NOT USED: {fate.error}"
    rate = f", {fate.rate:g} a second" if fate.rate else ""
    known = f", {fate.labelled} labelled" if fate.labelled and fate.labelled < fate.frames else ""
    return f"{fate.id}: {fate.split or 'no split'}, {counted(fate.frames, step)}{rate}{known}" + (
        f", {fate.label}" if fate.label else ""
    )


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
