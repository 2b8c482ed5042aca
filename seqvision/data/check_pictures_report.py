"""What a check of whole labelled pictures found, as text and as data."""

from dataclasses import asdict, dataclass
from typing import Any

from seqvision.data.check_lines import leak_lines, listed, table_lines, verdict
from seqvision.wording import counted

_SHOWN = 30  # how many of each kind the text lists; `to_dict` has all of them
_FEW = 20  # pictures of a class to learn from
_MOST = 0.5  # a share of one class that flatters who always says it
_LARGE = 256  # pixels of the longer side that take time


@dataclass(frozen=True)
class PictureCounts:
    """A split in numbers: its pictures, how many of them have no label, how often each symbol occurs (a class, or what
    strings are made of), and how many labels have how many symbols.
    """

    pictures: int
    unlabelled: int
    symbols: dict[str, int]
    lengths: dict[int, int]


@dataclass(frozen=True)
class PictureReport:
    """A data set of pictures with labels in numbers, its faults by name, and advice in words.

    strings        whether labels are strings of symbols, not classes
    canvases       where pictures are laid on canvases: their size, and each split's number of them with the lengths of
                   their labels in a sample; `splits` and all else are then of what is laid on them
    width, height  smallest, median and largest, in pixels, of what is read of each picture; `modes` counts Pillow's
                   names (RGB, L, P, CMYK …)
    colourless     whether no picture that was measured has any colour, however it is stored
    channel_mean, channel_std   of red, green and blue on a scale from 0 to 1, over a sample of pictures
    left_out       rows of a list that could not be used: no such picture, no label
    damaged        pictures that cannot be decoded, with the reason
    duplicates     groups of pictures with the same bytes; `leaks` are those that lie in several splits, each with its
                   split; `contradictions` those with different labels, each with its label
    unseen         symbols and lengths that are never seen in training, with the splits that have them
    suspects       labels that may be one, written in two ways; `lacking` what `seqvision evaluate` will lack
    unused         picture files beside those that are read that have no label
    """

    source: str
    layout: str
    strings: bool
    splits: dict[str, PictureCounts]
    canvases: dict[str, Any]
    width: dict[str, int]
    height: dict[str, int]
    modes: dict[str, int]
    colourless: bool
    channel_mean: list[float]
    channel_std: list[float]
    left_out: list[str]
    damaged: list[str]
    duplicates: list[list[str]]
    leaks: list[dict[str, str]]
    contradictions: list[dict[str, str]]
    unseen: list[str]
    unused: list[str]
    notes: list[str]
    faults: list[str]
    suspects: list[str]
    lacking: list[str]
    suggestions: list[str]

    @property
    def ok(self) -> bool:
        """Whether training would start, and would not test on what it was trained on."""
        return not (self.faults or self.left_out or self.damaged or self.leaks or self.contradictions)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def to_text(self) -> str:
        """All of it for people, long lists cut to their first entries."""
        lines = [f"{self.source} (layout {self.layout})"]
        lines += [
            f"  {name:<13} {counted(split.pictures, 'picture')}"
            + (f", {split.unlabelled} without a label" if split.unlabelled else "")
            for name, split in self.splits.items()
        ]
        if self.modes:
            lines += [
                f"  sizes         width {self.width['min']} to {self.width['max']} (median {self.width['median']}), "
                f"height {self.height['min']} to {self.height['max']} (median {self.height['median']})",
                "  modes         "
                + ", ".join(f"{mode} {count}" for mode, count in self.modes.items())
                + ("; without any colour" if self.colourless and set(self.modes) > {"L"} else ""),
                "  channels      mean "
                + " ".join(f"{value:.3f}" for value in self.channel_mean)
                + ", deviation "
                + " ".join(f"{value:.3f}" for value in self.channel_std),
            ]
        what = "symbol" if self.strings else "class"
        lines += table_lines(what, {name: split.symbols for name, split in self.splits.items()}, shown=_SHOWN)
        if self.strings:
            lines += self._lengths({name: split.lengths for name, split in self.splits.items()})
        if self.canvases:
            numbers = ", ".join(f"{number} {name}" for name, number in self.canvases["number"].items())
            lines.append(f"  canvases      {self.canvases['height']} x {self.canvases['width']} pixels: {numbers}")
            lines += self._lengths(self.canvases["lengths"])
        lines += listed(
            {
                "left out": self.left_out,
                "damaged pictures": self.damaged,
                "the same picture in several splits": leak_lines(self.leaks),
                "the same picture with different labels": leak_lines(self.contradictions),
                "duplicate pictures": [" = ".join(group) for group in self.duplicates],
                "never seen in training": self.unseen,
                "pictures without a label": self.unused,
                "labels that may be one": self.suspects,
                "notes": [*self.notes, *self.lacking],
                "faults": self.faults,
            },
            shown=_SHOWN,
        )
        lines += [f"suggestion: {text}" for text in self.suggestions]
        return "\n".join([*lines, verdict(self.ok)])

    @staticmethod
    def _lengths(counts: dict[str, dict[int, int]]) -> list[str]:
        """A row a length with its number in each split, the shortest first."""
        lengths = sorted({length for split in counts.values() for length in split})
        named = {
            name: {counted(length, "symbol"): split.get(length, 0) for length in lengths}
            for name, split in counts.items()
        }
        return table_lines("labels of", named, shown=_SHOWN, by_number=False)


def advice(report: PictureReport, *, invert: bool) -> list[str]:
    """What one would do about the numbers. invert: whether the reader exchanges light and dark."""
    said = []
    if report.leaks:
        said.append(
            f"{counted(len(report.leaks), 'picture')} in several splits, so that scores would flatter: "
            "leave each in one of them"
        )
    if report.contradictions:
        said.append("look at the pictures with different labels: one of the labels is wrong, or both are needed")
    train = report.splits.get("train")
    if train:
        rare = {name: number for name, number in train.symbols.items() if 0 < number < _FEW}
        if rare:
            name = min(rare, key=lambda each: rare[each])
            more = f", {len(rare) - 1} more with fewer than {_FEW}" if len(rare) > 1 else ""
            said.append(
                f"'{name}' is seen {counted(rare[name], 'time')} in training{more}: add some, or augment "
                "(augmentation=jitter turns, enlarges and moves)"
            )
        often = max(train.symbols, key=lambda name: train.symbols[name], default=None)
        known = sum(train.symbols.values())
        if often is not None and not report.strings and train.symbols[often] > _MOST * known:
            said.append(
                f"{train.symbols[often] / known:.0%} of the training pictures are of '{often}': accuracy flatters who "
                "always says so; `seqvision evaluate` puts that beside the score"
            )
    if any(sides and sides["min"] != sides["max"] for sides in (report.width, report.height)):
        said.append(
            "the pictures differ in size: a reader takes them as they are; a painter needs data.reader.size=PIXELS"
        )
    if report.width and max(report.width["median"], report.height["median"]) > _LARGE:
        said.append(f"data.reader.longest={_LARGE}: half of the pictures are larger, which costs time and memory")
    if report.colourless and set(report.modes) - {"1", "L", "I;16"}:
        said.append("data.reader.grey=true: no picture has any colour, though some are stored with three channels")
    bright = sum(report.channel_mean) / 3 if report.channel_mean else 0.0
    if report.canvases and (bright > 0.5) != invert:
        said.append(
            f"data.reader.invert={'false' if invert else 'true'}: what is laid on a black canvas must be light on dark"
        )
    return said
