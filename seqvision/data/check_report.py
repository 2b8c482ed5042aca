"""What a check of a data set found, as text and as data."""

from dataclasses import asdict, dataclass, field
from typing import Any

from seqvision.data.check_lines import leak_lines, listed, verdict
from seqvision.wording import counted

_SHOWN = 5  # how many of each kind the text lists; `to_dict` has all of them


@dataclass(frozen=True)
class CheckReport:
    """A data set in numbers, its faults by name, and advice in words.

    splits             pictures and captions of each split
    left_out           message by message what reading left out: no such picture, no caption, in no list
    unreadable         pictures that cannot be decoded, with the reason
    duplicates         groups of pictures with the same bytes; `leaks` are those that lie in several splits, each
                       picture with its split
    columns            which columns were read, in words
    notes              what else was left out: files of other kinds, links
    uncaptioned        picture files that lie beside the others and that no caption names
    overlong           captions with more than `max_tokens` words and marks
    caption_tokens     min, mean, 99th percentile and max of words and marks a caption
    unknown_rate       share of words that the training captions do not have, by split
    width, height      smallest, median and largest, in pixels; `modes` counts Pillow's names (RGB, L, P, CMYK …)
    channel_mean, channel_std   of red, green and blue on a scale from 0 to 1, over a sample of pictures
    """

    source: str
    layout: str
    pictures: int
    captions: int
    distinct_captions: int
    splits: dict[str, dict[str, int]]
    captions_per_picture: dict[str, float]
    left_out: list[str]
    unreadable: list[str]
    duplicates: list[list[str]]
    leaks: list[dict[str, str]]
    uncaptioned: list[str]
    overlong: list[str]
    caption_tokens: dict[str, float]
    vocabulary_size: int
    unknown_rate: dict[str, float]
    width: dict[str, int]
    height: dict[str, int]
    modes: dict[str, int]
    channel_mean: list[float]
    channel_std: list[float]
    columns: str = ""
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    suggestions: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether training would start, and would not test on what it was trained on."""
        return not (self.faults or self.left_out or self.unreadable or self.leaks)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def to_text(self) -> str:
        """All of it for people, long lists cut to their first entries."""
        per, length = self.captions_per_picture, self.caption_tokens
        lines = [
            f"{self.source} (layout {self.layout})",
            *([f"  columns       {self.columns}"] if self.columns else []),
            f"  pictures      {self.pictures}",
            f"  captions      {self.captions}, {self.distinct_captions} different; "
            f"a picture has {per['min']:.0f} to {per['max']:.0f}, {per['mean']:.1f} on average",
            *(
                f"  {name:<13} {counted(n['pictures'], 'picture')}, {counted(n['captions'], 'caption')}"
                for name, n in self.splits.items()
            ),
            f"  words         {length['mean']:.1f} a caption, 99 % have at most {length['p99']:.0f}, "
            f"the longest {length['max']:.0f}",
            f"  vocabulary    {self.vocabulary_size} entries from the training captions"
            + "".join(f"; {rate:.1%} of the words in {name} are unknown" for name, rate in self.unknown_rate.items()),
        ]
        if self.modes:
            lines += [
                f"  sizes         width {self.width['min']} to {self.width['max']} (median {self.width['median']}), "
                f"height {self.height['min']} to {self.height['max']} (median {self.height['median']})",
                "  modes         " + ", ".join(f"{mode} {count}" for mode, count in self.modes.items()),
                "  channels      mean "
                + " ".join(f"{value:.3f}" for value in self.channel_mean)
                + ", deviation "
                + " ".join(f"{value:.3f}" for value in self.channel_std),
            ]
        lines += listed(
            {
                "faults": self.faults,
                "left out": self.left_out,
                "unreadable pictures": self.unreadable,
                "the same picture in several splits": leak_lines(self.leaks),
                "duplicate pictures": [" = ".join(group) for group in self.duplicates],
                "pictures without captions": self.uncaptioned,
                "overlong captions": self.overlong,
                "notes": self.notes,
            },
            shown=_SHOWN,
        )
        lines += [f"suggestion: {text}" for text in self.suggestions]
        return "\n".join([*lines, verdict(self.ok)])
