"""Parallel text as a data module: the vocabularies of its training sentences, batches of pairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from seqvision.data.module import SEEN, RecordData
from seqvision.data.parallel.batches import ParallelDataset
from seqvision.data.parallel.formats import read_parallel
from seqvision.data.parallel.numbers import SIZES, number_pairs
from seqvision.data.parallel.records import SentencePair
from seqvision.data.splits import hashed_split
from seqvision.data.vocabulary import Vocabulary, WordVocabulary
from seqvision.errors import UserError
from seqvision.wording import counted


class ParallelData(RecordData):
    """Batches of sentences with their translations; a subclass says where the pairs come from (`read`).

    source_vocabulary, target_vocabulary: partials that still lack the texts.
    max_tokens: a pair with a longer side is left out of training, and counted; elsewhere it stays whole.
    settings: those of every data module.
    """

    unit = "sentence pairs"
    target_language: str | None = None  # its code or name, where it is known

    def __init__(
        self,
        *,
        source_vocabulary: Callable[..., Vocabulary] = WordVocabulary.build,
        target_vocabulary: Callable[..., Vocabulary] = WordVocabulary.build,
        max_tokens: int = 100,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.build_source, self.build_target = source_vocabulary, target_vocabulary
        self.max_tokens = max_tokens
        self.notes: list[str] = []

    def read(self) -> list[SentencePair]:
        """All pairs, each with its split."""
        raise NotImplementedError

    @cached_property
    def source_vocabulary(self) -> Vocabulary:
        """The vocabulary of the training sentences."""
        return self.build_source(pair.source for pair in self.records["train"])

    @cached_property
    def target_vocabulary(self) -> Vocabulary:
        """The vocabulary of their translations."""
        return self.build_target(pair.target for pair in self.records["train"])

    @cached_property
    def references(self) -> dict[str, dict[str, str]]:
        """For each split, the translation of every sentence by its name."""
        return {split: {pair.id: pair.target for pair in pairs} for split, pairs in self.records.items()}

    @cached_property
    def training_pairs(self) -> Sequence[SentencePair]:
        """The training pairs that are not too long."""
        pairs = self.records["train"]
        sides = ((self.source_vocabulary, "source"), (self.target_vocabulary, "target"))
        long = {
            pair.id for vocabulary, side in sides for pair in pairs if self._is_long(vocabulary, getattr(pair, side))
        }
        if len(long) == len(pairs):
            pairs_said = counted(len(pairs), "training pair")
            raise UserError(f"data.max_tokens={self.max_tokens}: none of {pairs_said} is as short; raise it")
        return [pair for pair in pairs if pair.id not in long] if long else pairs

    def _is_long(self, vocabulary: Vocabulary, text: str) -> bool:
        # no token is shorter than a byte
        return len(text.encode()) > self.max_tokens and len(vocabulary.encode(text)) > self.max_tokens

    def dataset(self, split: str, *, training: bool) -> ParallelDataset:
        pairs = self.training_pairs if training else self.records[split]
        return ParallelDataset(pairs, self.source_vocabulary, self.target_vocabulary)

    def in_memory(self, dataset: Any) -> bool:
        return True

    def model_sizes(self) -> dict[str, Any]:
        return {
            "source_vocabulary_size": len(self.source_vocabulary),
            "target_vocabulary_size": len(self.target_vocabulary),
        }

    def held(self) -> dict[str, Any]:
        return {
            "source_vocabulary": self.source_vocabulary.state(),
            "target_vocabulary": self.target_vocabulary.state(),
        }

    def task_parts(self) -> dict[str, Any]:
        references = {split: self.references[split] for split in SEEN}
        return {"vocabulary": self.target_vocabulary, "references": references, "language": self.target_language}

    def summary(self) -> str:
        long = len(self.records["train"]) - len(self.training_pairs)
        notes = [
            *self.notes,
            *([f"{counted(long, 'training pair')} longer than data.max_tokens left out"] if long else []),
        ]
        sizes = f"vocabularies: {len(self.source_vocabulary)} and {len(self.target_vocabulary)}"
        return "; ".join([super().summary(), sizes, *notes])


class ParallelFiles(ParallelData):
    """Your own parallel text: see `read_parallel` for the layouts.

    splits: shares of pairs by the names val and test, drawn by the sentence, so that no sentence stands in two splits;
        for what says none of its splits. Where only val is missing, its share of the training pairs is drawn.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        source: str | None = None,
        target: str | None = None,
        encoding: str = "utf-8",
        on_empty: str = "error",
        splits: Mapping[str, Any] | None = None,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.path = Path(path)
        self.source, self.target = source, target
        self.encoding = encoding
        self.on_empty = on_empty
        self.splits = {"val": 0.1, "test": 0.1, "seed": 0, **(splits or {})}

    def read(self) -> list[SentencePair]:
        text = read_parallel(
            self.path, source=self.source, target=self.target, encoding=self.encoding, on_empty=self.on_empty
        )
        self.notes = list(text.notes)
        self.target_language = text.languages[1]
        said = {pair.split for pair in text.pairs}
        if None in said:
            return [self._drawn(pair, test=self.splits["test"]) for pair in text.pairs]
        if "val" not in said:
            self.notes.append(f"val drawn from the training pairs (data.splits.val={self.splits['val']})")
            return [self._drawn(pair, test=0.0) if pair.split == "train" else pair for pair in text.pairs]
        return text.pairs

    def _drawn(self, pair: SentencePair, *, test: float) -> SentencePair:
        name = " ".join(pair.source.lower().split())
        return replace(pair, split=hashed_split(name, val=self.splits["val"], test=test, seed=self.splits["seed"]))


class NumberWords(ParallelData):
    """Numbers with their names, `2 1 7` to `two hundred seventeen`: always there, and learnt in a minute.

    language: en or de. A German number is one word, so that it wants a vocabulary of subwords. sizes: pairs a split.
    """

    def __init__(
        self,
        *,
        language: str = "en",
        sizes: Mapping[str, int] | None = None,
        below: int = 1_000_000,
        number_seed: int = 0,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.target_language = language
        self.numbers: dict[str, Any] = {
            "language": language,
            "sizes": dict(sizes or SIZES),
            "below": below,
            "seed": number_seed,
        }

    def read(self) -> list[SentencePair]:
        return [
            SentencePair(f"{split}:{row}", *pair, split)
            for split, pairs in number_pairs(**self.numbers).items()
            for row, pair in enumerate(pairs, start=1)
        ]
