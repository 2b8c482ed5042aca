"""What is in a parallel text and what is wrong with it, before anyone trains on it."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqvision.data.check_lines import lacking
from seqvision.data.check_parallel_report import ParallelReport, SideNumbers, SplitNumbers
from seqvision.data.progress import tracked
from seqvision.data.splits import SPLITS
from seqvision.data.vocabulary import UNKNOWN, Vocabulary
from seqvision.errors import UserError
from seqvision.wording import counted

if TYPE_CHECKING:
    from seqvision.data.parallel import ParallelData, SentencePair

UNEVEN = 3  # times as many tokens as the average would have
Tokens = tuple[list[int], list[int]]  # of a sentence, and of its translation
LONG = 10  # tokens: shorter sentences may well be three times as long in another language


def check_parallel(data: "ParallelData", source: str, *, layout: str, progress: bool = False) -> ParallelReport:
    """The report on the pairs as training would read them, cut into tokens as its vocabularies do it.

    UserError where there is no parallel text at all: files that lack a language, or whose lines do not correspond. What
    is wrong with single rows is in the report, empty ones too.
    """
    strict = getattr(data, "on_empty", "skip") == "error"
    if strict:
        data.on_empty = "skip"  # type: ignore[attr-defined]  # looked at and listed, whatever training would do
    splits = {name: pairs for name, pairs in data.read_splits().items() if pairs}
    names = sorted(splits, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name))
    empty = [note for note in data.notes if "empty side" in note]
    faults = [f"{note}; training stops there unless data.on_empty=skip" for note in empty] if strict else []
    faults += [f"the split '{name}' has no sentence pairs" for name in SPLITS[:2] if name not in splits]
    vocabularies = None
    if "train" in splits:
        try:
            vocabularies = _vocabularies(data, splits["train"])
        except UserError as error:
            faults.append(str(error))
    tokens: dict[str, list[Tokens]] = {}
    for name in names:
        looked = tracked(splits[name], total=len(splits[name]), description=f"Reading {name}", show=progress)
        tokens[name] = [_tokens(pair, vocabularies) for pair in looked]
    return ParallelReport(
        source=source,
        layout=layout,
        splits={name: _numbers(tokens[name], data.max_tokens) for name in names},
        max_tokens=data.max_tokens,
        vocabulary_sizes=[len(vocabulary) for vocabulary in vocabularies or ()],
        once=_once(tokens.get("train", [])) if vocabularies else [],
        leaks=_leaks(splits),
        repeated=_repeated(splits),
        uneven=_uneven(splits, tokens),
        notes=[*(note for note in data.notes if not (strict and note in empty)), *lacking(names)],
        faults=faults,
    )


def _vocabularies(data: "ParallelData", pairs: Sequence["SentencePair"]) -> tuple[Vocabulary, Vocabulary]:
    return data.build_source(pair.source for pair in pairs), data.build_target(pair.target for pair in pairs)


def _tokens(pair: "SentencePair", vocabularies: tuple[Vocabulary, Vocabulary] | None) -> Tokens:
    """What the vocabularies make of a pair; without any, as many unknown words as stand between blanks."""
    if vocabularies is None:
        return [UNKNOWN] * len(pair.source.split()), [UNKNOWN] * len(pair.target.split())
    ours, theirs = vocabularies
    return ours.encode(pair.source), theirs.encode(pair.target)


def _numbers(tokens: Sequence[Tokens], longest: int) -> SplitNumbers:
    sides = [[both[side] for both in tokens] for side in (0, 1)]
    return SplitNumbers(
        pairs=len(tokens),
        sides=[_side(side) for side in sides],
        overlong=sum(max(map(len, both)) > longest for both in tokens),
    )


def _side(sentences: Sequence[list[int]]) -> SideNumbers:
    lengths = [len(sentence) for sentence in sentences]
    unknown = sum(sentence.count(UNKNOWN) for sentence in sentences)
    return SideNumbers(
        shortest=min(lengths),
        mean=float(np.mean(lengths)),
        p99=float(np.percentile(lengths, 99)),
        longest=max(lengths),
        unknown=unknown / max(1, sum(lengths)),
    )


def _once(tokens: Sequence[Tokens]) -> list[float]:
    """The share of each vocabulary's entries that training sees only once."""
    shares = []
    for side in (0, 1):
        counts = Counter(token for both in tokens for token in both[side] if token != UNKNOWN)
        shares.append(sum(count == 1 for count in counts.values()) / max(1, len(counts)))
    return shares


def _same(text: str) -> str:
    """A sentence without regard to blanks and capitals."""
    return " ".join(text.lower().split())


def _leaks(splits: dict[str, Sequence["SentencePair"]]) -> list[dict[str, str]]:
    """The sentences that stand in several splits: the first pair of each split, with its split."""
    found: dict[str, dict[str, str]] = {}
    for name, pairs in splits.items():
        for pair in pairs:
            found.setdefault(_same(pair.source), {}).setdefault(name, pair.id)
    return [{id: name for name, id in places.items()} for places in found.values() if len(places) > 1]


def _repeated(splits: dict[str, Sequence["SentencePair"]]) -> dict[str, int]:
    """How many pairs of a split repeat another pair of it."""
    different = {name: len({(_same(p.source), _same(p.target)) for p in pairs}) for name, pairs in splits.items()}
    return {name: len(pairs) - different[name] for name, pairs in splits.items() if len(pairs) > different[name]}


def _uneven(splits: dict[str, Sequence["SentencePair"]], tokens: dict[str, list[Tokens]]) -> list[str]:
    """The pairs of which one side is far longer than the other, as where lines have slipped."""
    every = [
        (pair.id, len(ours), len(theirs))
        for name in tokens
        for pair, (ours, theirs) in zip(splits[name], tokens[name], strict=True)
    ]
    usual = sum(theirs for _, _, theirs in every) / max(1, sum(ours for _, ours, _ in every))
    return [
        f"{id}: {counted(ours, 'token')} against {counted(theirs, 'token')}"
        for id, ours, theirs in every
        if max(ours, theirs) >= LONG and not 1 / UNEVEN <= theirs / max(1e-9, usual * ours) <= UNEVEN
    ]
