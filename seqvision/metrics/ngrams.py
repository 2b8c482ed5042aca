"""The n-grams of one evaluation, counted once for every metric that needs them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvision.errors import UserError

Tokens = Sequence[str]


@dataclass(frozen=True)
class NgramTable:
    """How often each n-gram stands in each candidate and in each of its references, as flat arrays.

    A *pair* is a picture together with an n-gram that occurs in its candidate or in one of its references. An *entry*
    is one sentence in which a pair occurs. Entries are sorted by pair, the candidate first, which makes "the
    candidate's count of this n-gram" or "the most any reference has of it" a single look at the start of a pair.

    Sentence numbers: the candidates come first (sentence i is picture i's candidate), then all references, picture by
    picture. N-gram numbers: all words, then all pairs of words, and so on; `order` says which (0 for words).
    """

    max_order: int
    grams: list[str]  # the words of every n-gram, joined by blanks, only where asked for; else empty
    order: np.ndarray  # (n-grams,) length of the n-gram, less one
    lengths: np.ndarray  # (sentences,) words in the sentence
    owner: np.ndarray  # (references,) picture of each reference, ascending
    first_reference: np.ndarray  # (pictures,) where each picture's references start
    entry_pair: np.ndarray  # (entries,)
    entry_sentence: np.ndarray  # (entries,)
    entry_count: np.ndarray  # (entries,) occurrences of the n-gram in the sentence
    pair_start: np.ndarray  # (pairs,) first entry of the pair
    pair_picture: np.ndarray  # (pairs,)
    pair_gram: np.ndarray  # (pairs,)
    pair_candidate: np.ndarray  # (pairs,) occurrences in the candidate, 0 where there are none
    pair_references: np.ndarray  # (pairs,) references with this n-gram

    @property
    def pictures(self) -> int:
        return len(self.first_reference)

    @property
    def references_per_picture(self) -> np.ndarray:
        return np.diff(self.first_reference, append=len(self.owner))


def check_aligned(candidates: Sequence, references: Sequence[Sequence]) -> None:
    """Nothing, where every candidate has at least one reference; a `UserError` that names the place otherwise."""
    if len(candidates) != len(references):
        raise UserError(
            f"{len(candidates)} candidates but references for {len(references)} pictures: "
            "give exactly one candidate and one list of references for each picture, in the same order."
        )
    if not len(candidates):
        raise UserError("No captions to score: candidates and references are empty; give at least one picture.")
    for row, texts in enumerate(references):
        if isinstance(texts, str):
            raise UserError(
                f"References of picture {row} are one string, {texts[:40]!r}; expected a list: [{texts[:40]!r}]."
            )
        if not len(texts):
            raise UserError(
                f"Picture {row} (candidate {str(candidates[row])[:60]!r}) has no reference; "
                "every picture needs at least one. Leave the picture out or add its caption."
            )


def count_ngrams(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], *, max_order: int = 4, spell: bool = False
) -> NgramTable:
    """The table of all n-grams up to `max_order` words; `spell` also keeps their words.

    Raises `UserError` where candidates and references do not go together.
    """
    check_aligned(candidates, references)
    sentences = list(candidates)
    for texts in references:
        sentences.extend(texts)
    per_picture = np.fromiter((len(texts) for texts in references), np.int64, len(references))
    first_reference = np.cumsum(per_picture) - per_picture
    owner = np.repeat(np.arange(len(references)), per_picture)
    lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))

    numbers: dict[str, int] = {}
    words = np.fromiter(
        (numbers.setdefault(word, len(numbers)) for tokens in sentences for word in tokens), np.int64, lengths.sum()
    )
    vocabulary = list(numbers)
    sentence_of_word = np.repeat(np.arange(len(sentences)), lengths)
    words_left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(words))  # from here on, this word included

    gram_at = words.copy()  # the number of the n-gram that starts here, among those of its order
    starts = np.arange(len(words))
    occurrences, at_sentence, orders, grams = (
        [words],
        [sentence_of_word],
        [np.zeros(len(numbers), np.int64)],
        vocabulary,
    )
    known, grams_of_order = len(numbers), vocabulary
    for k in range(1, max_order):
        starts = starts[words_left[starts] > k]
        last_words = words[starts + k]
        distinct, ids = np.unique(gram_at[starts] * len(numbers) + last_words, return_inverse=True)
        gram_at[starts] = ids
        occurrences.append(ids + known)
        at_sentence.append(sentence_of_word[starts])
        orders.append(np.full(len(distinct), k))
        known += len(distinct)
        if spell:
            heads, tails = np.divmod(distinct, len(numbers))
            grams_of_order = [
                f"{grams_of_order[h]} {vocabulary[t]}" for h, t in zip(heads.tolist(), tails.tolist(), strict=True)
            ]
            grams = grams + grams_of_order
    return _sorted_table(
        np.concatenate(occurrences),
        np.concatenate(at_sentence),
        max_order=max_order,
        grams=grams if spell else [],
        order=np.concatenate(orders),
        lengths=lengths,
        owner=owner,
        first_reference=first_reference,
    )


def _sorted_table(
    gram: np.ndarray, sentence: np.ndarray, *, first_reference: np.ndarray, owner: np.ndarray, order: np.ndarray, **rest
) -> NgramTable:
    """One sort of all occurrences by (picture, n-gram, place in the picture) finds entries and pairs together."""
    pictures = len(first_reference)
    picture_of = np.concatenate([np.arange(pictures), owner])
    place_of = np.concatenate([np.zeros(pictures, np.int64), 1 + np.arange(len(owner)) - first_reference[owner]])
    places = int(place_of.max()) + 1
    distinct_grams = max(1, len(order))
    if pictures * distinct_grams * places >= 2**63:
        raise UserError(f"{pictures} pictures with {distinct_grams} n-grams are too many to score at once; split them.")
    keys = (picture_of[sentence] * distinct_grams + gram) * places + place_of[sentence]
    keys, entry_count = np.unique(keys, return_counts=True)
    pair_key, place = np.divmod(keys, places)
    is_start = np.empty(len(keys), bool)
    is_start[:1] = True
    np.not_equal(pair_key[1:], pair_key[:-1], out=is_start[1:])
    pair_start = np.flatnonzero(is_start)
    pair_picture, pair_gram = np.divmod(pair_key[pair_start], distinct_grams)
    entry_pair = np.cumsum(is_start) - 1
    in_candidate = place[pair_start] == 0
    entry_picture = pair_picture[entry_pair]
    return NgramTable(
        order=order,
        owner=owner,
        first_reference=first_reference,
        entry_pair=entry_pair,
        entry_sentence=np.where(place == 0, entry_picture, pictures + first_reference[entry_picture] + place - 1),
        entry_count=entry_count,
        pair_start=pair_start,
        pair_picture=pair_picture,
        pair_gram=pair_gram,
        pair_candidate=np.where(in_candidate, entry_count[pair_start], 0),
        pair_references=np.diff(pair_start, append=len(keys)) - in_candidate,
        **rest,
    )
