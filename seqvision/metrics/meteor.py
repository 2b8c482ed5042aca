"""METEOR in nltk's variant, where nltk and its WordNet data are installed; nothing is ever downloaded."""

import importlib.util
import warnings
from collections.abc import Sequence
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.errors import UserError
from seqvision.metrics.ngrams import Tokens, check_aligned

DEBIAN = Path("/usr/share/wordnet")  # where Debian's packages put the same files, but for the list of lexicographers'
_DAMAGE: list[str] = []  # why a WordNet that could be opened could not be read
INSTALL_WORDNET = (
    "python -m nltk.downloader wordnet (needs a network), or on Debian and Ubuntu: "
    "apt install wordnet-base wordnet-sense-index"
)


def meteor_missing() -> str | None:
    """What to install before `meteor_nltk` can run, as a sentence; None where everything is there and can be read."""
    if _DAMAGE:
        return _DAMAGE[0]
    try:
        _wordnet()
    except UserError as error:
        return str(error)
    return None


@lru_cache(maxsize=1)
def _wordnet() -> Any:
    """nltk's reader of its own WordNet, or of Debian's. `UserError` where there is none that can be read."""
    if importlib.util.find_spec("nltk") is None:
        raise UserError("METEOR is left out: it needs nltk; type: pip install 'seqvision[meteor]'")
    damaged = []
    for place, make in (("nltk's WordNet", _nltk_reader), (str(DEBIAN), _debian_reader)):
        try:
            reader = make()
            if reader is not None and all(reader.synsets(word) for word in ("dog", "good")):  # all parts of speech
                return reader
        except Exception as error:  # nltk raises whatever its parsing of a file ran into
            reason = " ".join(str(error).strip("*\n ").split())[:120]
            damaged.append(f"{place} is incomplete ({type(error).__name__}: {reason})")
    found = "; ".join(damaged) or "nltk has no WordNet here"
    raise UserError(f"METEOR is left out: {found}; type: {INSTALL_WORDNET}")


def _nltk_reader() -> Any:
    """nltk's reader of what its downloader installed; None where there is nothing."""
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    for resource in ("corpora/wordnet", "corpora/wordnet.zip/wordnet"):
        try:
            root = nltk.data.find(resource)
        except LookupError:
            continue
        return _quiet(WordNetCorpusReader, root)
    return None


def _debian_reader() -> Any:
    """nltk's reader of Debian's files; None where they are not installed."""
    if not DEBIAN.is_dir():
        return None
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class DebianReader(WordNetCorpusReader):
        def open(self, file: str) -> Any:
            # Debian leaves out this one, whose names METEOR does not need
            return StringIO("".join(f"{i:02d} - 0\n" for i in range(45))) if file == "lexnames" else super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:
            """No other version to map to."""

    if str(DEBIAN) not in nltk.data.path:
        nltk.data.path.append(str(DEBIAN))  # nltk opens files in its own folders only
    return _quiet(DebianReader, str(DEBIAN))


def _quiet(kind: Any, root: Any) -> Any:
    """The reader without the other languages, which nltk warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(root, None)


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
        wordnet = _wordnet()
    from nltk.translate.meteor_score import meteor_score

    try:
        return np.array(
            [
                meteor_score([list(text) for text in texts], list(candidate), wordnet=wordnet)
                for candidate, texts in zip(candidates, references, strict=True)
            ]
        )
    except Exception as error:  # a damaged file of WordNet raises whatever its parsing ran into
        reason = " ".join(str(error).split())[:120]
        _DAMAGE[:] = [
            f"METEOR is left out: WordNet is damaged ({type(error).__name__}: {reason}); install it again: "
            f"{INSTALL_WORDNET}"
        ]
        raise UserError(_DAMAGE[0]) from error
