"""BLEU of corpora and of single captions."""

from collections.abc import Sequence

import numpy as np

from seqvision.metrics.ngrams import NgramTable, Tokens, count_ngrams

# pycocoevalcap's guards against empty counts; without them BLEU-4 of a single caption differs in the ninth digit
TINY, SMALL = 1e-15, 1e-9


def bleu(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], *, max_order: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """BLEU-1 .. BLEU-`max_order` of the corpus (orders,) and of each caption (orders, pictures).

    Clipped n-gram precision with the brevity penalty towards the closest reference length, the shorter of two equally
    close ones (Papineni et al., 2002); the numbers are those of pycocoevalcap's `Bleu`.
    """
    return bleu_from_table(count_ngrams(candidates, references, max_order=max_order))


def bleu_from_table(table: NgramTable) -> tuple[np.ndarray, np.ndarray]:
    """As `bleu`, from n-grams that are counted already."""
    lengths, reference_lengths = table.lengths[: table.pictures], _closest_lengths(table)
    possible = np.maximum(0, lengths - np.arange(table.max_order)[:, None])
    correct = _clipped_matches(table)
    corpus = _scores(correct.sum(1), possible.sum(1), lengths.sum(), reference_lengths.sum())
    return corpus, _scores(correct, possible, lengths, reference_lengths)


def _clipped_matches(table: NgramTable) -> np.ndarray:
    """How many of a candidate's n-grams stand in its references, none more often than in one of them; (orders, N)."""
    is_reference = table.entry_sentence >= table.pictures
    if not len(table.pair_start):
        return np.zeros((table.max_order, table.pictures))
    most = np.maximum.reduceat(table.entry_count * is_reference, table.pair_start)
    cell = table.order[table.pair_gram] * table.pictures + table.pair_picture
    matches = np.minimum(table.pair_candidate, most)
    return np.bincount(cell, matches, table.max_order * table.pictures).reshape(table.max_order, table.pictures)


def _closest_lengths(table: NgramTable) -> np.ndarray:
    lengths = table.lengths[table.pictures :]
    beyond = int(lengths.max()) + 1
    distance = np.abs(lengths - table.lengths[table.owner])
    return np.minimum.reduceat(distance * beyond + lengths, table.first_reference) % beyond


def _scores(
    correct: np.ndarray,
    possible: np.ndarray,
    length: np.ndarray | np.integer,
    reference_length: np.ndarray | np.integer,
) -> np.ndarray:
    """The formula, for a corpus' sums or for each caption's own counts."""
    orders = np.arange(1, len(correct) + 1).reshape(-1, *[1] * (correct.ndim - 1))
    precision = np.cumprod((correct + TINY) / (possible + SMALL), axis=0) ** (1 / orders)
    ratio = (length + TINY) / (reference_length + SMALL)
    with np.errstate(over="ignore"):  # an empty candidate: 1/ratio is 1e16, its exponential is 0
        return precision * np.where(ratio < 1, np.exp(1 - 1 / ratio), 1.0)
