"""CIDEr-D: agreement with the references, where rare words count more."""

import json
import math
import warnings
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.errors import UserError
from seqvision.files import write_text
from seqvision.metrics.ngrams import NgramTable, Tokens, count_ngrams
from seqvision.signatures import fits

ORDERS, SIGMA, FACTOR = 4, 6.0, 10.0
FORMAT = "seqvision document frequencies 1"

UNDEFINED = (
    "CIDEr is undefined for a single picture: words are weighted by how few pictures have them, and with one picture "
    "every weight is 0. Score at least two pictures together, or give document frequencies of a larger set."
)


@dataclass(frozen=True)
class DocumentFrequencies:
    """In how many pictures' references each n-gram stands, for weights that do not depend on what is scored now.

    Only n-grams of two or more pictures are kept: CIDEr treats those of one picture and those of none alike.
    """

    pictures: int
    counts: Mapping[str, int]  # n-gram with its words joined by blanks -> pictures

    @classmethod
    def build(cls, references: Sequence[Sequence[Tokens]]) -> "DocumentFrequencies":
        """The frequencies of these references: for each picture its captions as lists of words."""
        counts: Counter[str] = Counter()
        for texts in references:
            counts.update({gram for tokens in texts for gram in _ngrams(tokens)})
        return cls(len(references), {gram: count for gram, count in counts.items() if count > 1})

    def weight(self, gram: str) -> float:
        """The n-gram's weight, log(pictures / pictures that have it): 0 where every picture has it."""
        return math.log(self.pictures) - math.log(self.counts.get(gram, 1))

    def save(self, path: Path | str) -> None:
        """Writes plain JSON: the number of pictures and a count for each n-gram."""
        plain = {"format": FORMAT, "pictures": self.pictures, "counts": dict(sorted(self.counts.items()))}
        write_text(path, json.dumps(plain, ensure_ascii=False, indent=0) + "\n")

    @classmethod
    def load(cls, path: Path | str) -> "DocumentFrequencies":
        """The frequencies that `save` wrote. Raises `UserError` for any other file."""
        try:
            plain = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(
                f"{path}: cannot read document frequencies ({error.strerror}); give a saved file."
            ) from None
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{path}: expected JSON written by DocumentFrequencies.save, found something else ({error!s:.200}); "
                "build and save the file again."
            ) from None
        if not isinstance(plain, dict) or plain.get("format") != FORMAT:
            found = plain.get("format") if isinstance(plain, dict) else type(plain).__name__
            raise UserError(f"{path}: expected format {FORMAT!r}, found {found!r:.60}; build and save the file again.")
        pictures: Any = plain.get("pictures")
        counts: Any = plain.get("counts")
        if not fits(counts, dict[str, int]) or not fits(pictures, int) or not min([pictures, *counts.values()]) > 0:
            raise UserError(
                f"{path}: expected a number of 'pictures' and 'counts' of n-grams, whole numbers above 0; build "
                "and save the file again."
            )
        return cls(pictures, counts)


def cider_d(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    document_frequencies: DocumentFrequencies | None = None,
) -> np.ndarray:
    """CIDEr-D of each caption (pictures,), between 0 and 10; a corpus' score is the mean.

    Cosine between tf-idf vectors of 1- to 4-grams, counts clipped to the reference's, with a Gaussian penalty on the
    difference in length (Vedantam et al., 2015, section 8); the numbers are those of pycocoevalcap's `Cider`. Where
    no `document_frequencies` are given they come from `references`. NaN with a warning where a single picture leaves
    it undefined.
    """
    spell = document_frequencies is not None
    table = count_ngrams(candidates, references, max_order=ORDERS, spell=spell)
    return cider_from_table(table, document_frequencies=document_frequencies)


def cider_from_table(table: NgramTable, *, document_frequencies: DocumentFrequencies | None = None) -> np.ndarray:
    """As `cider_d`, from n-grams that are counted already (up to four words; spelt where frequencies are given)."""
    known_pictures = document_frequencies.pictures if document_frequencies else table.pictures
    if known_pictures < 2:
        warnings.warn(UNDEFINED, stacklevel=3)
        return np.full(table.pictures, np.nan)
    if document_frequencies:
        weight_of_gram = np.array([document_frequencies.weight(gram) for gram in table.grams])
    else:
        having = np.bincount(table.pair_gram, table.pair_references > 0, len(table.order))
        weight_of_gram = np.log(table.pictures) - np.log(np.maximum(1.0, having))

    gram = table.pair_gram[table.entry_pair]
    weights = table.entry_count * weight_of_gram[gram]
    cell = table.entry_sentence * ORDERS + table.order[gram]
    cells = len(table.lengths) * ORDERS
    norms = np.sqrt(np.bincount(cell, weights * weights, cells)).reshape(-1, ORDERS)
    candidate_weights = (table.pair_candidate * weight_of_gram[table.pair_gram])[table.entry_pair]
    products = np.bincount(cell, np.minimum(candidate_weights, weights) * weights, cells).reshape(-1, ORDERS)

    products, scale = products[table.pictures :], norms[table.pictures :] * norms[table.owner]
    cosines = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0).mean(1)
    bigrams = np.maximum(0, table.lengths - 1)  # the reference implementation takes a caption's bigrams for its length
    difference = bigrams[table.pictures :] - bigrams[table.owner]
    cosines *= np.exp(-(difference**2) / (2 * SIGMA**2))
    return FACTOR * np.bincount(table.owner, cosines, table.pictures) / table.references_per_picture


class CiderReferences:
    """CIDEr-D against references that stay the same: for rewards, where the same pictures return in every epoch.

    A picture's reference vectors are computed when it is scored for the first time and kept. `references` maps a
    picture's name to its captions as lists of words; without `document_frequencies`, all of them are counted.
    """

    def __init__(
        self,
        references: Mapping[Hashable, Sequence[Tokens]],
        *,
        document_frequencies: DocumentFrequencies | None = None,
    ) -> None:
        self.references = references
        self.document_frequencies = document_frequencies or DocumentFrequencies.build(list(references.values()))
        if self.document_frequencies.pictures < 2:
            raise UserError(UNDEFINED)
        self._rarest = math.log(self.document_frequencies.pictures)
        self._weights = {gram: self.document_frequencies.weight(gram) for gram in self.document_frequencies.counts}
        self._vectors: dict[Hashable, tuple[dict[str, list[tuple[int, float, float]]], list[int]]] = {}

    def score(self, names: Sequence[Hashable], candidates: Sequence[Tokens]) -> np.ndarray:
        """CIDEr-D (captions,) of each candidate against the references of the picture with the same place in `names`.

        Raises `UserError` for a name without references.
        """
        return np.array([self._score(name, tokens) for name, tokens in zip(names, candidates, strict=True)])

    def _score(self, name: Hashable, candidate: Tokens) -> float:
        vectors = self._vectors.get(name)
        if vectors is None:
            vectors = self._vectors[name] = self._build(name)
        entries, bigrams = vectors
        squares = [0.0] * ORDERS
        products = [[0.0] * ORDERS for _ in bigrams]
        for gram, count in Counter(_ngrams(candidate)).items():
            order = gram.count(" ")
            weight = count * self._weights.get(gram, self._rarest)
            squares[order] += weight * weight
            for reference, in_reference, normalised in entries.get(gram, ()):
                products[reference][order] += min(weight, in_reference) * normalised
        inverse = [1 / math.sqrt(square) if square else 0.0 for square in squares]
        total = 0.0
        for row, length in zip(products, bigrams, strict=True):
            cosine = sum(product * scale for product, scale in zip(row, inverse, strict=True))
            total += cosine * math.exp(-((max(0, len(candidate) - 1) - length) ** 2) / (2 * SIGMA**2))
        return FACTOR * total / (ORDERS * len(bigrams))

    def _build(self, name: Hashable) -> tuple[dict[str, list[tuple[int, float, float]]], list[int]]:
        """For each n-gram (reference, weight, weight over the vector's norm), and each reference's bigrams."""
        captions = self.references.get(name)
        if not captions:
            raise UserError(f"CIDEr: no reference captions for picture {name!r}; every scored picture needs some.")
        entries: dict[str, list[tuple[int, float, float]]] = {}
        for reference, tokens in enumerate(captions):
            weights = {
                gram: count * self._weights.get(gram, self._rarest) for gram, count in Counter(_ngrams(tokens)).items()
            }
            squares = [0.0] * ORDERS
            for gram, weight in weights.items():
                squares[gram.count(" ")] += weight * weight
            for gram, weight in weights.items():
                if weight:
                    entries.setdefault(gram, []).append(
                        (reference, weight, weight / math.sqrt(squares[gram.count(" ")]))
                    )
        return entries, [max(0, len(tokens) - 1) for tokens in captions]


def _ngrams(tokens: Tokens) -> list[str]:
    """All 1- to 4-grams, the words joined by blanks."""
    words = list(tokens)
    grams, current = words, words
    for order in range(1, ORDERS):
        current = [f"{head} {tail}" for head, tail in zip(current, words[order:], strict=False)]
        grams = grams + current
    return grams
