"""Sentences with their translations, before they are turned into numbers."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SentencePair:
    """A sentence and its translation. `id` is the file's stem with the row, as in `train:17`."""

    id: str
    source: str
    target: str
    split: str | None = None


@dataclass(frozen=True)
class ParallelText:
    """All pairs of a data set, which languages they are if their files say so, and what a person should know of it.

    notes: what was left out or drawn, a sentence each, with names and counts.
    """

    pairs: list[SentencePair]
    languages: tuple[str | None, str | None] = (None, None)
    notes: list[str] = field(default_factory=list)
