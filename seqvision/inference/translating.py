"""Sentences in, translations out: what the command, the evaluation and the notebook share."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from seqvision.data import END, UNKNOWN, Vocabulary, WordVocabulary, vocabulary_from_state
from seqvision.data.parallel import pad_sentences
from seqvision.decoding import Ensemble, Hypothesis, Search
from seqvision.errors import UserError
from seqvision.inference.captioning import Written, constraint_ids, pieces_of
from seqvision.inference.checkpoint import LoadedModel
from seqvision.inference.decoders import trained_decoder
from seqvision.models import Source, Translator


@dataclass(frozen=True)
class LoadedTranslator(LoadedModel):
    """A translator with the vocabularies of the language that it reads and of the one that it writes."""

    pattern: ClassVar[str] = "translation"
    network: ClassVar[type[nn.Module]] = Translator

    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        source, target = (vocabulary_from_state(held[f"{side}_vocabulary"]) for side in ("source", "target"))
        source.check_fits(model.source_vocabulary_size)
        target.check_fits(model.vocabulary_size)
        return {"source_vocabulary": source, "target_vocabulary": target}

    @property
    def target_language(self) -> str | None:
        """The code or name of the language that it writes, where its training data said it."""
        data = self.config["data"]
        return data.get("target") or data.get("language")

    @property
    def tokenizer(self) -> str:
        """The tokenizer for BLEU that it was trained with: a name or "auto"."""
        return str(self.config["task"].get("tokenizer", "auto"))


class Translation(Written):
    """One translation of a sentence. Its attention is (pieces, source pieces)."""


@dataclass(frozen=True)
class TranslatedSentence:
    """A sentence with its translations, best first; there is at least one.

    `pieces` are what the model read, the end of the sentence last; `unknown` are those of them that its training
    sentences lacked. The translation of a blank line is a blank line, and nobody is asked.
    """

    source: str
    translations: tuple[Translation, ...]
    pieces: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def text(self) -> str:
        """The best translation."""
        return self.translations[0].text


def translate_sentences(
    translators: LoadedTranslator | Sequence[LoadedTranslator],
    sentences: Iterable[str],
    decoder: Search | None = None,
    *,
    batch_size: int = 32,
    forbid: Sequence[str] = (),
    require: Sequence[str] = (),
) -> Iterator[TranslatedSentence]:
    """Each sentence's translations in the order of `sentences`, as they are made.

    Several translators write together: each next word by the mean of their probabilities. They must share their
    vocabularies. decoder: that of the first one's training if not given. forbid: words that must not occur; require:
    words or phrases that every translation contains.
    """
    batch: list[str] = []
    translate = Batches(translators, decoder, forbid=forbid, require=require)
    for sentence in sentences:
        batch.append(sentence)
        if len(batch) == batch_size:
            yield from translate(batch)
            batch = []
    if batch:
        yield from translate(batch)


class Batches:
    """What translates a list of sentences at once; see `translate_sentences`."""

    def __init__(
        self,
        translators: LoadedTranslator | Sequence[LoadedTranslator],
        decoder: Search | None = None,
        *,
        forbid: Sequence[str] = (),
        require: Sequence[str] = (),
    ):
        members = [translators] if isinstance(translators, LoadedTranslator) else list(translators)
        check_translators(members)
        self.first, self.several = members[0], len(members) > 1
        self.device = self.first.device
        self.model: Any = Ensemble([member.model for member in members]) if self.several else self.first.model
        self.members = len(members)
        self.decoder = decoder or trained_decoder(self.first.config)
        self.forbidden, self.required = constraint_ids(self.first.target_vocabulary, forbid, require)

    @property
    def attends(self) -> bool:
        """Whether it can be said where the models looked."""
        return self.first.model.attention is not None

    def __call__(self, sentences: Sequence[str]) -> list[TranslatedSentence]:
        """The sentences' translations."""
        ids = [self.first.source_vocabulary.encode(sentence) for sentence in sentences]
        asked = [row for row, tokens in enumerate(ids) if tokens]
        found: dict[int, list[Hypothesis]] = {}
        if asked:
            tokens, lengths = pad_sentences([[*ids[row], END] for row in asked])
            source = Source(tokens.to(self.device), lengths.to(self.device))
            features = tuple([source] * self.members) if self.several else source
            with torch.inference_mode():
                results = self.decoder(self.model, features, forbidden=self.forbidden, required=self.required)
            found = dict(zip(asked, results, strict=True))
        return [
            self._sentence(sentence, tokens, found.get(row))
            for row, (sentence, tokens) in enumerate(zip(sentences, ids, strict=True))
        ]

    def _sentence(self, sentence: str, tokens: list[int], found: list[Hypothesis] | None) -> TranslatedSentence:
        if found is None:
            nothing = Translation("", 0.0, 0.0, True, (), None)
            return TranslatedSentence(sentence, (nothing,), (), ())
        vocabulary = self.first.source_vocabulary
        pieces = source_pieces(vocabulary, sentence, tokens)
        unknown = tuple(text for text, places in pieces if any(tokens[place] == UNKNOWN for place in places))
        where = [*(places for _, places in pieces), [len(tokens)]]  # the end mark is looked at as well
        translations = tuple(self._translation(hypothesis, where) for hypothesis in found)
        return TranslatedSentence(sentence, translations, (*(text for text, _ in pieces), "⏎"), unknown)

    def _translation(self, hypothesis: Hypothesis, where: list[list[int]]) -> Translation:
        vocabulary = self.first.target_vocabulary
        pieces = pieces_of(vocabulary, hypothesis.tokens)
        attention = None
        if hypothesis.attention is not None:
            weights = hypothesis.attention.float().numpy()
            rows = [weights[places].mean(axis=0) for _, places in pieces]
            read = [[row[places].sum() for places in where] for row in rows]
            attention = np.array(read, np.float32).reshape(len(rows), len(where))
        return Translation.of(hypothesis, vocabulary, pieces, attention)


def check_translators(translators: Sequence[LoadedTranslator]) -> None:
    """Nothing, if the translators share their vocabularies; else a UserError that says which differs."""
    if not translators:
        raise UserError("no checkpoint: name at least one")
    first, *others = translators
    for other in others:
        for side in ("source", "target"):
            ours, theirs = (getattr(member, f"{side}_vocabulary") for member in (first, other))
            if ours.state() != theirs.state():
                raise UserError(
                    f"{first.path} and {other.path} have different {side} vocabularies ({len(ours)} and {len(theirs)} "
                    "entries); the members of an ensemble must share both: train them on the same sentences, with "
                    "other seeds or other networks"
                )


def source_pieces(vocabulary: Vocabulary, sentence: str, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
    """(text, places of its tokens) of what was read: the person's own words, those that are not known as well."""
    if isinstance(vocabulary, WordVocabulary):
        return [(word, [place]) for place, word in enumerate(vocabulary.split(sentence))]
    return [(text.strip(), places) for text, places in pieces_of(vocabulary, tokens)]
