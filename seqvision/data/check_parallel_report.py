"""What a check of a parallel text found, as text and as data."""

from dataclasses import asdict, dataclass
from typing import Any

from seqvision.data.check_lines import leak_lines, listed, verdict
from seqvision.wording import counted

_SHOWN = 5  # how many of each kind the text lists; `to_dict` has all of them
_SIDES = ("source", "target")
_OFTEN = 0.05  # a share of unknown words that is worth a word


@dataclass(frozen=True)
class SideNumbers:
    """One side of a split: its sentences' lengths in tokens, and the share of tokens that training does not know."""

    shortest: int
    mean: float
    p99: float
    longest: int
    unknown: float


@dataclass(frozen=True)
class SplitNumbers:
    """A split in numbers; `overlong`: pairs of which a side has more than `max_tokens` tokens."""

    pairs: int
    sides: list[SideNumbers]
    overlong: int


@dataclass(frozen=True)
class ParallelReport:
    """A parallel text in numbers, its faults by name, and what reading it had to say. Two entries are of the source and
    of the target.

    vocabulary_sizes   entries from the training sentences
    once               the share of these that training sees once only
    leaks              sentences that stand in several splits, the first pair of each with its split
    repeated           how many pairs of a split repeat another pair of it
    uneven             pairs of which one side is far longer than the other
    """

    source: str
    layout: str
    splits: dict[str, SplitNumbers]
    max_tokens: int
    vocabulary_sizes: list[int]
    once: list[float]
    leaks: list[dict[str, str]]
    repeated: dict[str, int]
    uneven: list[str]
    notes: list[str]
    faults: list[str]

    @property
    def ok(self) -> bool:
        """Whether training would start, and would not test on what it was trained on."""
        return not (self.faults or self.leaks)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def to_text(self) -> str:
        """All of it for people, long lists cut to their first entries."""
        lines = [f"{self.source} (layout {self.layout})"]
        for name, split in self.splits.items():
            lines.append(f"  {name:<13} {counted(split.pairs, 'sentence pair')}")
            for side, numbers in zip(_SIDES, split.sides, strict=True):
                unknown = f"; {numbers.unknown:.1%} unknown" if self.vocabulary_sizes and name != "train" else ""
                lines.append(
                    f"    {side:<11} {numbers.mean:.1f} tokens on average, {numbers.shortest} to {numbers.longest}, "
                    f"99 % have at most {numbers.p99:.0f}{unknown}"
                )
        for side, size, once in zip(_SIDES, self.vocabulary_sizes, self.once, strict=False):
            lines.append(f"  vocabulary    {side}: {size:,} entries, {once:.0%} of them seen once in training")
        lines += [f"  repeated      {counted(count, 'pair')} of {name}" for name, count in self.repeated.items()]
        lines += listed(
            {
                "the same sentence in several splits": leak_lines(self.leaks),
                "one side far longer than the other": self.uneven,
                "notes": self.notes,
                "faults": self.faults,
            },
            shown=_SHOWN,
        )
        lines += [f"suggestion: {text}" for text in self.suggestions()]
        return "\n".join([*lines, verdict(self.ok)])

    def suggestions(self) -> list[str]:
        """What one would do about the numbers."""
        advice = []
        others = [split for name, split in self.splits.items() if name != "train"]
        worst = max((side.unknown for split in others for side in split.sides), default=0.0)
        if self.vocabulary_sizes and worst > _OFTEN:
            advice.append(f"{worst:.0%} of the words of a split are unknown: vocabulary=subwords knows them all")
        long = self.splits["train"].overlong if "train" in self.splits else 0
        if long:
            longest = max(side.longest for side in self.splits["train"].sides)
            advice.append(
                f"{counted(long, 'training pair')} with more than {self.max_tokens} tokens will be left out; "
                f"data.max_tokens={longest} keeps them all"
            )
        if self.leaks:
            advice.append("leave each sentence in one split only: scores on what was trained on flatter")
        if len(self.uneven) > _SHOWN:
            advice.append("look at the first pair with uneven sides: do the lines of the two files still correspond?")
        return advice
