"""Sentences to token numbers, one step of the recurrence a word or a piece of a word."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.records import Source
from seqvision.data.vocabulary import UNKNOWN, Vocabulary, WordVocabulary, vocabulary_from_state
from seqvision.errors import UserError


@dataclass(frozen=True)
class TextReader(FrameReader):
    """A sentence as token numbers (time,), int64, without START and END.

    vocabulary  how to build one from the training sentences (`WordVocabulary.build`, `SubwordVocabulary.build` or a
                partial of them); `fitted` puts the built one in its place
    max_length  a longer sentence ends there; `truncated` counts such sentences

    A sentence without any word is one UNKNOWN, so that it gets an answer; in data to train on such sentences are
    refused where they are read.
    """

    adjustable: ClassVar[frozenset[str]] = frozenset({"max_length"})

    vocabulary: Vocabulary | Callable[..., Vocabulary] = WordVocabulary.build
    max_length: int = 200

    def __post_init__(self) -> None:
        if self.max_length < 1:
            raise UserError(f"data.reader.max_length is {self.max_length}, expected a number of words, 1 or more")

    @property
    def built(self) -> Vocabulary:
        """The vocabulary; there is none before `fitted`."""
        if not isinstance(self.vocabulary, Vocabulary):
            raise RuntimeError("this TextReader has no vocabulary yet: call fitted(training sentences) first")
        return self.vocabulary

    def read(self, source: Source, start: int = 0, stop: int | None = None) -> Int[Tensor, " time"]:
        return torch.tensor(self._tokens(source)[start:stop], dtype=torch.int64)

    def length(self, source: Source) -> int:
        return len(self._tokens(source))

    def fitted(self, sources: Iterable[Source]) -> "TextReader":
        """This reader with the vocabulary of the sentences; as it is where it has one."""
        if isinstance(self.vocabulary, Vocabulary):
            return self
        return replace(self, vocabulary=self.vocabulary(_sentence(source) for source in sources))

    def truncated(self, sources: Iterable[Source]) -> int:
        """The number of sentences that are longer than `max_length`."""
        return sum(len(self.built.encode(_sentence(source))) > self.max_length for source in sources)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        return ()

    @property
    def sizes(self) -> dict[str, int]:
        return {"vocabulary_size": len(self.built)}

    def settings(self) -> dict[str, Any]:
        return {"max_length": self.max_length, "vocabulary": self.built.state()}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "TextReader":
        return cls(vocabulary=vocabulary_from_state(settings["vocabulary"]), max_length=settings["max_length"])

    def _tokens(self, source: Source) -> list[int]:
        return self.built.encode(_sentence(source))[: self.max_length] or [UNKNOWN]


def _sentence(source: Source) -> str:
    if not isinstance(source, str):
        raise UserError(
            f"a sentence was expected, found {source if not hasattr(source, 'shape') else 'an array'}. "
            "Give the text itself; a model of sentences reads nothing else."
        )
    return source
