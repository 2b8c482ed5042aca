"""Annotations of Praat (.TextGrid): tiers of intervals and points, in all text formats that Praat reads."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from seqvision.data.annotations.annotations import Annotations
from seqvision.data.annotations.segments import Segment
from seqvision.data.core.text import read_text
from seqvision.errors import UserError
from seqvision.wording import counted

SUFFIX = ".textgrid"
_CHRONOLOGICAL = "Praat chronological TextGrid text file"
_GAP = "null"  # what BORIS writes between its events, and Praat's intervals leave empty
_ROUNDING = 1e-3  # seconds; intervals of a tier never overlap in Praat, only in files that other programs rounded
# Praat passes over every word that is no number, text in quotes or <flag>, and over comments
_TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|<(\w*)>(?=\s|$)|([-+]?\d\S*)|![^\n]*|(")|[^\s"]\S*',
)
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", re.IGNORECASE)


def read_textgrid(file: Path, *, encoding: str = "utf-8") -> Annotations:
    """The intervals and points of all tiers, each with its tier as the track; empty intervals are passed over.

    Of tiers of one name the second becomes `NAME (2)`. Raises UserError for a file that is no TextGrid, with the line.
    """
    with open(file, "rb") as opened:
        if opened.read(12) == b"ooBinaryFile":
            raise UserError(f"{file.name}: a binary TextGrid. Save it again from Praat as a text file.")
    tokens = _Tokens(read_text(file, encoding), file.name)
    kind = tokens.text("the kind of file")
    if kind == _CHRONOLOGICAL:
        tiers = _chronological(tokens)
    elif kind.startswith("ooTextFile") and tokens.text("the kind of object").startswith("TextGrid"):
        tiers = _by_tier(tokens)
    else:
        raise tokens.error("no TextGrid of Praat")
    names: list[str] = []
    segments: list[Segment] = []
    gaps = 0
    for name, tier in tiers:
        names.append(_other_than(names, name))
        gaps += sum(label == _GAP for *_, label in tier)
        entries = [
            Segment(start, stop, label.strip(), names[-1], f"{file.name} tier '{names[-1]}' entry {number}")
            for number, (start, stop, label) in enumerate(tier, start=1)
            if label.strip() not in ("", _GAP)
        ]
        segments += _side_by_side(entries)
    segments.sort(key=lambda segment: (segment.start, segment.stop))
    note = f"labels: {file.name}: {counted(gaps, 'interval')} '{_GAP}' left out, with which BORIS fills gaps"
    return Annotations(file, {"": segments}, tracks=tuple(names), notes=(note,) if gaps else ())


_Tier = tuple[str, list[tuple[float, float, str]]]


def _by_tier(tokens: "_Tokens") -> list[_Tier]:
    """The tiers of the long and the short format, which differ in what Praat passes over."""
    tokens.number("the start"), tokens.number("the end")
    if tokens.flag("<exists> or <absent>") != "exists":
        return []
    found: list[_Tier] = []
    for _ in range(tokens.count("the number of tiers")):
        points = tokens.tier_class()
        name = tokens.text("the name of a tier")
        tokens.number("the start of a tier"), tokens.number("the end of a tier")
        entries = []
        for _ in range(tokens.count("the number of intervals or points")):
            start = tokens.number("a time")
            stop = start if points else tokens.number("the end of an interval")
            entries.append((start, stop, tokens.text("a label")))
        found.append((name, entries))
    return found


def _chronological(tokens: "_Tokens") -> list[_Tier]:
    tokens.number("the start"), tokens.number("the end")
    kinds: list[bool] = []
    found: list[_Tier] = []
    for _ in range(tokens.count("the number of tiers")):
        kinds.append(tokens.tier_class())
        found.append((tokens.text("the name of a tier"), []))
        tokens.number("the start of a tier"), tokens.number("the end of a tier")
    while not tokens.ended():
        tier = tokens.count("the number of a tier")
        if not 1 <= tier <= len(found):
            raise tokens.error(f"tier {tier}, expected 1 to {len(found)}")
        start = tokens.number("a time")
        stop = start if kinds[tier - 1] else tokens.number("the end of an interval")
        found[tier - 1][1].append((start, stop, tokens.text("a label")))
    return found


class _Tokens:
    """The numbers, texts and flags of a text file of Praat, one after another."""

    def __init__(self, text: str, file: str):
        self.content, self.file, self.at = text, file, 0
        self._found = self._scan()
        self._next = next(self._found, None)

    def _scan(self) -> Iterator[re.Match[str]]:
        for token in _TOKEN.finditer(self.content):
            if token.lastindex is not None:
                yield token

    def ended(self) -> bool:
        return self._next is None

    def _take(self, group: int, what: str) -> str:
        token = self._next
        if token is None:
            raise self.error(f"ends where {what} should be; it may be cut off")
        self.at = token.start()
        if token.lastindex != group:
            raise self.error(f"'{token[0][:40]}', expected {what}")
        self._next = next(self._found, None)
        return token[group]

    def text(self, what: str) -> str:
        return self._take(1, f"{what} in quotes").replace('""', '"')

    def flag(self, what: str) -> str:
        return self._take(2, what)

    def number(self, what: str) -> float:
        said = self._take(3, f"{what} as a number")
        value = float(said) if _NUMBER.fullmatch(said) else math.nan
        if not math.isfinite(value):
            raise self.error(f"'{said[:40]}', expected {what} as a number")
        return value

    def count(self, what: str) -> int:
        value = self.number(what)
        if value != int(value) or value < 0:
            raise self.error(f"{value:g}, expected {what}")
        return int(value)

    def tier_class(self) -> bool:
        """Whether a tier is of points."""
        kind = self.text("the class of a tier")
        if kind not in ("IntervalTier", "TextTier"):
            raise self.error(f"'{kind[:40]}', expected an IntervalTier or a TextTier")
        return kind == "TextTier"

    def error(self, problem: str) -> UserError:
        line = self.content.count("\n", 0, self.at) + 1
        return UserError(
            f"{self.file}: not a TextGrid that can be read (row {line}: {problem}). Save it again from Praat as a text "
            "file."
        )


def _other_than(names: list[str], name: str) -> str:
    """The name, with a number where a tier before has it too."""
    number, other = 1, name
    while other in names:
        number += 1
        other = f"{name} ({number})"
    return other


def _side_by_side(entries: list[Segment]) -> list[Segment]:
    """The entries of a tier; where one ends just after the next begins, by rounding, it ends there."""
    found = list(entries)
    for place, (first, second) in enumerate(pairwise(entries)):
        if first.start < second.start < first.stop <= second.start + _ROUNDING:
            found[place] = replace(first, stop=second.start)
    return found
