"""ROUGE-L: how much of the references' word order a caption keeps."""

from collections.abc import Sequence

import numpy as np

from seqvision.metrics.ngrams import Tokens, check_aligned


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], *, beta: float = 1.2) -> np.ndarray:
    """ROUGE-L of each caption (pictures,), between 0 and 1; a corpus' score is the mean.

    The longest common subsequence as share of the candidate (precision) and of the reference (recall), each at its
    best over the references, joined into an F-score with recall weighted by `beta` (Lin, 2004); the numbers are those
    of pycocoevalcap's `Rouge`. An empty sentence equals only an empty sentence.
    """
    check_aligned(candidates, references)
    scores = np.zeros(len(candidates))
    for row, (candidate, texts) in enumerate(zip(candidates, references, strict=True)):
        places = _places(candidate)
        precision = recall = 0.0
        for text in texts:
            common = (
                _common_subsequence(places, len(candidate), text) if candidate and text else len(candidate) == len(text)
            )
            precision = max(precision, common / max(1, len(candidate)))
            recall = max(recall, common / max(1, len(text)))
        if precision and recall:
            scores[row] = (1 + beta**2) * precision * recall / (recall + beta**2 * precision)
    return scores


def longest_common_subsequence(first: Tokens, second: Tokens) -> int:
    """The number of words in the longest sequence that both contain in this order, gaps allowed."""
    return _common_subsequence(_places(first), len(first), second)


def _places(tokens: Tokens) -> dict[str, int]:
    """For each word a number whose bit i is set where it is the i-th word."""
    places: dict[str, int] = {}
    for i, token in enumerate(tokens):
        places[token] = places.get(token, 0) | 1 << i
    return places


def _common_subsequence(places: dict[str, int], length: int, other: Tokens) -> int:
    """A whole column of the classic table at once: its steps are the zero bits of one integer (Hyyrö, 2004)."""
    everywhere = (1 << length) - 1
    column = everywhere
    for matches in map(places.get, other):
        if matches:
            steps = column & matches
            column = (column + steps) | (column - steps)
    return length - (column & everywhere).bit_count()
