"""Captions to numbers and back: whole words or subwords. The vocabulary travels inside the checkpoint as plain data."""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from seqvision.data.tokenise import join_words, normalise, split_words
from seqvision.errors import UserError
from seqvision.signatures import expected_by, fits

PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<start>", "<end>", "<unk>")


class Vocabulary(ABC):
    """Text to token numbers and back; numbers 0 to 3 are PAD, START, END and UNKNOWN.

    `encode` adds neither START nor END (the batch does), and a text that looks like a special token is only text.
    """

    tokens: list[str]  # every entry, by number

    @classmethod
    @abstractmethod
    def build(cls, texts: Iterable[str]) -> "Vocabulary":
        """The vocabulary of these texts; the same for the same texts in any order."""

    @abstractmethod
    def normalise(self, text: str) -> str:
        """The text as the vocabulary sees it: what `decode(encode(text))` gives back for ordinary known text."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The text's token numbers, without START and END; what the vocabulary lacks becomes UNKNOWN."""

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """The text of token numbers up to END; PAD and START say nothing."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All there is to know as strings, numbers, lists and dictionaries, for `vocabulary_from_state`."""

    def __len__(self) -> int:
        return len(self.tokens)

    def check_fits(self, model_size: int) -> None:
        """Nothing, if a model with `model_size` scores a step can speak this vocabulary; else a UserError."""
        if len(self) != model_size:
            raise UserError(
                f"the vocabulary does not fit the model: it has {len(self)} entries, "
                f"the model's output has {model_size}. Use the vocabulary of the model's own checkpoint, "
                "or train a model on these captions."
            )

    def _spoken(self, ids: Iterable[int]) -> list[int]:
        """The numbers that stand for text: those before END, without PAD and START."""
        spoken = []
        for number in ids:
            if number == END:
                break
            if not 0 <= number < len(self):
                raise UserError(
                    f"the vocabulary does not fit the model: token {number} is not one of its {len(self)} entries. "
                    "Use the vocabulary of the model's own checkpoint."
                )
            if number not in (PAD, START):
                spoken.append(int(number))
        return spoken


class WordVocabulary(Vocabulary):
    """Whole words, the commonest first; see `seqvision.data.tokenise` for what a word is.

    `tokens` starts with the four special ones. `punctuation="drop"` forgets marks, `lowercase` forgets capitals.
    """

    def __init__(self, tokens: Sequence[str], *, lowercase: bool = True, punctuation: str = "keep"):
        if tuple(tokens[:4]) != SPECIAL_TOKENS:
            raise UserError(f"a vocabulary starts with {', '.join(SPECIAL_TOKENS)}; found {list(tokens[:4])}")
        if punctuation not in ("keep", "drop"):
            raise UserError(f"vocabulary: punctuation is '{punctuation}', expected 'keep' or 'drop'")
        self.tokens = list(tokens)
        self.lowercase = lowercase
        self.punctuation = punctuation
        self._numbers = {token: number for number, token in enumerate(self.tokens)}
        if len(self._numbers) != len(self.tokens):
            twice = next(token for token, count in Counter(self.tokens).items() if count > 1)
            raise UserError(f"vocabulary: the entry '{twice}' stands in it twice; every word has one number")

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        lowercase: bool = True,
        punctuation: str = "keep",
    ) -> "WordVocabulary":
        """The words that the texts use at least `min_count` times, at most `max_size` entries with the special ones."""
        words = cls(SPECIAL_TOKENS, lowercase=lowercase, punctuation=punctuation)
        counts = Counter(token for text in texts for token in words.split(text))
        # Equally common words go by the alphabet, so that the numbers do not depend on the order of the captions.
        kept = sorted((t for t, count in counts.items() if count >= min_count), key=lambda t: (-counts[t], t))
        if max_size is not None:
            kept = kept[: max(0, max_size - len(SPECIAL_TOKENS))]
        if not kept:
            common = counts.most_common(1)
            found = f"the commonest word, '{common[0][0]}', occurs {common[0][1]} times" if common else "no words found"
            raise UserError(
                f"the vocabulary is empty: {found}, with min_count={min_count} and max_size={max_size}. "
                "Lower min_count, raise max_size, or check the captions."
            )
        return cls([*SPECIAL_TOKENS, *kept], lowercase=lowercase, punctuation=punctuation)

    def split(self, text: str) -> list[str]:
        """The words of a text as this vocabulary cuts them, known or not."""
        return split_words(normalise(text, lowercase=self.lowercase), keep_punctuation=self.punctuation == "keep")

    def normalise(self, text: str) -> str:
        return join_words(self.split(text))

    def encode(self, text: str) -> list[int]:
        return [self._numbers.get(token, UNKNOWN) for token in self.split(text)]

    def decode(self, ids: Iterable[int]) -> str:
        return join_words([self.tokens[number] for number in self._spoken(ids)])

    def state(self) -> dict[str, Any]:
        return {
            "kind": "words",
            "tokens": list(self.tokens),
            "lowercase": self.lowercase,
            "punctuation": self.punctuation,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "WordVocabulary":
        """The vocabulary whose `state()` this was."""
        return cls(state["tokens"], lowercase=state["lowercase"], punctuation=state["punctuation"])


class SubwordVocabulary(Vocabulary):
    """Pieces of words by byte-pair encoding over bytes (Sennrich et al., 2016; Radford et al., 2019).

    No text is unknown: what no piece covers is spelt in bytes, so at least 256 + 4 entries are needed. Works with
    Hugging Face's `tokenizers`; `tokenizer_json` is that library's own description of the trained pieces.
    """

    def __init__(self, tokenizer_json: str, *, lowercase: bool = False):
        library = _tokenizers()
        try:
            self._tokenizer = library.Tokenizer.from_str(tokenizer_json)
        except Exception as error:  # the library knows no other
            raise UserError(
                f"vocabulary: its 'tokenizer' is no description of one ({error!s:.200}). Copy the file again, or train "
                "again."
            ) from None
        self.lowercase = lowercase
        size = self._tokenizer.get_vocab_size()
        pieces = [self._tokenizer.id_to_token(number) for number in range(size)]
        if None in pieces:
            raise UserError(
                f"vocabulary: its {size} pieces are not numbered from 0 on (number {pieces.index(None)} is missing). "
                "Copy the file again, or train again."
            )
        self.tokens = [*SPECIAL_TOKENS, *pieces]

    @classmethod
    def build(cls, texts: Iterable[str], *, size: int = 4000, lowercase: bool = False) -> "SubwordVocabulary":
        """Up to `size` entries, special ones included, learned from the texts."""
        if size < 256 + len(SPECIAL_TOKENS):
            raise UserError(f"subword vocabulary: size is {size}, expected at least 260 (256 bytes, 4 special tokens)")
        library = _tokenizers()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=size - len(SPECIAL_TOKENS),
            initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        # Sorted, because the library breaks ties between equally common pairs by the order in which it met them.
        tokenizer.train_from_iterator(sorted(normalise(text, lowercase=lowercase) for text in texts), trainer)
        return cls(tokenizer.to_str(), lowercase=lowercase)

    def normalise(self, text: str) -> str:
        return normalise(text, lowercase=self.lowercase)

    def encode(self, text: str) -> list[int]:
        # The library's numbers start after the special tokens, of which it knows nothing.
        return [number + len(SPECIAL_TOKENS) for number in self._tokenizer.encode(self.normalise(text)).ids]

    def decode(self, ids: Iterable[int]) -> str:
        pieces = [number - len(SPECIAL_TOKENS) for number in self._spoken(ids) if number != UNKNOWN]
        return self._tokenizer.decode(pieces).strip()

    def state(self) -> dict[str, Any]:
        return {"kind": "subwords", "tokenizer": self._tokenizer.to_str(), "lowercase": self.lowercase}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "SubwordVocabulary":
        """The vocabulary whose `state()` this was."""
        return cls(state["tokenizer"], lowercase=state["lowercase"])

    def __reduce__(self):
        return _subwords_from_state, (self.state(),)


def _subwords_from_state(state: dict[str, Any]) -> SubwordVocabulary:
    return SubwordVocabulary.from_state(state)


def _tokenizers() -> Any:
    """The library, or the sentence that says how to get it."""
    # Its threads do not survive the fork of a data worker; captions are few enough for one thread.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import tokenizers
    except ImportError as error:
        raise UserError(
            "subword vocabularies need the package 'tokenizers', which is not installed. "
            "Install it with: pip install 'seqvision[subwords]' (or take whole words)."
        ) from error
    return tokenizers


def vocabulary_from_state(state: Any) -> Vocabulary:
    """The vocabulary, of either kind, whose `state()` this was. UserError for a state that nothing wrote so."""
    kind = state.get("kind") if isinstance(state, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        found = f"has the kind {kind!r:.60}" if isinstance(state, dict) else f"is {state!r:.60}"
        raise UserError(
            f"a vocabulary's state {found}, expected one of {', '.join(_KINDS)}: "
            "the file may come from a newer seqvision; upgrade it or train again."
        )
    made, entries = _KINDS[kind]
    for name, hint in entries.items():
        if name not in state or not fits(state[name], hint):
            found = f"'{name}' is {state[name]!r:.60}" if name in state else f"there is no '{name}'"
            raise UserError(
                f"a vocabulary's state: {found}, expected {expected_by(hint, None)}. Copy the file, or train, again."
            )
    return made.from_state(state)


_KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "words": (WordVocabulary, {"tokens": list[str], "lowercase": bool, "punctuation": str}),
    "subwords": (SubwordVocabulary, {"tokenizer": str, "lowercase": bool}),
}
