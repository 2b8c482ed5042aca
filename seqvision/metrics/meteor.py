"""METEOR in nltk's variant, where nltk and its WordNet data are installed; nothing is ever downloaded."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqvision.errors import UserError
from seqvision.metrics.ngrams import Tokens, check_aligned


def meteor_missing() -> str | None:
    """What to install before `meteor_nltk` can run, as a sentence; None where everything is there."""
    if importlib.util.find_spec("nltk") is None:
        return "METEOR is left out: it needs nltk; type: pip install 'seqvision[meteor]'"
    import nltk

    for resource in ("corpora/wordnet", "corpora/wordnet.zip"):
        try:
            nltk.data.find(resource)
        except LookupError:
            continue
        return None
    return (
        "METEOR is left out: nltk has no WordNet here; on a machine with a network type: "
        "python -m nltk.downloader wordnet"
    )


def meteor_nltk(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], *, wordnet: Any = None
) -> np.ndarray:
    """METEOR of each caption (pictures,), between 0 and 1: its best score over the references; a corpus' is the mean.

    Matches by word, stem and WordNet synonym with the weights of Banerjee and Lavie (2005). These are nltk's numbers:
    METEOR 1.5, which pycocoevalcap runs, adds paraphrases and other weights, so the two must not be compared.
    `wordnet` replaces nltk's corpus reader. Raises `UserError` where nltk or WordNet is missing.
    """
    check_aligned(candidates, references)
    if wordnet is None:
        missing = meteor_missing()
        if missing:
            raise UserError(missing)
        from nltk import corpus

        wordnet = corpus.wordnet
    from nltk.translate.meteor_score import meteor_score

    return np.array(
        [
            meteor_score([list(text) for text in texts], list(candidate), wordnet=wordnet)
            for candidate, texts in zip(candidates, references, strict=True)
        ]
    )
