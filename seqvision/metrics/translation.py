"""Translations against those that people wrote: BLEU and chrF as sacrebleu computes them, each with its signature."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqvision.errors import UserError

SCORES = ("bleu", "bleu_cased", "chrf", "chrf_cased", "exact_match")  # what is looked at first comes first


@dataclass(frozen=True)
class TranslationScores:
    """Scores of a set of translations: of the whole, 0 to 100, and sentence by sentence.

    corpus: `bleu` and `chrf` in lower case, `bleu_cased` and `chrf_cased` as written, `exact_match` the share of
    translations that are word for word (in lower case) one of their references.
    signatures: how sacrebleu counted, by score, so that others can count in the same way.
    """

    corpus: dict[str, float]
    signatures: dict[str, str]
    per_item: dict[str, list[float]] = field(default_factory=dict)


def translation_scores(
    translations: Sequence[str], references: Sequence[Sequence[str]], *, per_item: bool = True
) -> TranslationScores:
    """The scores of detokenised translations against one or several references each (Papineni et al., 2002; Popović,
    2015; Post, 2018). Sentence by sentence BLEU is smoothed, with the orders that a short sentence has.

    Raises `UserError` where there are none, or where the numbers do not fit.
    """
    columns = _columns(translations, references)
    corpus, signatures, items = {}, {}, {}
    for name, metric in _metrics().items():
        corpus[name] = float(metric.corpus_score(list(translations), columns).score)
        signatures[name] = str(metric.get_signature())
    if per_item:
        single = {**_metrics(effective_order=True)}
        for name in ("bleu", "chrf"):
            items[name] = [
                float(single[name].sentence_score(text, list(wanted)).score)
                for text, wanted in zip(translations, references, strict=True)
            ]
    exact = [float(_plain(t) in map(_plain, wanted)) for t, wanted in zip(translations, references, strict=True)]
    corpus["exact_match"] = 100 * float(np.mean(exact))
    if per_item:
        items["exact_match"] = [100 * value for value in exact]
    return TranslationScores({name: corpus[name] for name in SCORES}, signatures, items)


def score_intervals(
    translations: Sequence[str], references: Sequence[Sequence[str]], *, resamples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % of the bootstrap's BLEU and chrF, in lower case (Koehn, 2004): sentences are drawn with replacement."""
    columns, draws = _columns(translations, references), _draws(len(translations), resamples, seed)
    found = {}
    for name in ("bleu", "chrf"):
        scores = _resampled(_metrics()[name], translations, columns, draws)
        lower, upper = np.quantile(scores, [0.025, 0.975])
        found[name] = (float(lower), float(upper))
    return found


@dataclass(frozen=True)
class PairedComparison:
    """How much better one system is than another on the same sentences, and how sure that is.

    difference: of the scores on all sentences; interval: 95 % of the differences over resampled sets; p_value: how
    often a difference at least as large, either way, would come of chance alone (the resampled differences moved to a
    mean of zero, with one added, as in sacrebleu's paired bootstrap).
    """

    difference: float
    interval: tuple[float, float]
    p_value: float


def paired_bootstrap(
    translations: Sequence[str],
    others: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    score: str = "bleu",
    resamples: int = 1000,
    seed: int = 0,
) -> PairedComparison:
    """The first system's score less the other's (Koehn, 2004): both are scored on the same resampled sentences."""
    if len(translations) != len(others):
        raise UserError(f"{len(translations)} translations against {len(others)}: both systems must translate the same")
    if score not in SCORES[:-1]:
        raise UserError(f"score '{score}': expected one of {', '.join(SCORES[:-1])}")
    columns, draws = _columns(translations, references), _draws(len(translations), resamples, seed)
    metric = _metrics()[score]
    whole = [float(metric.corpus_score(list(some), columns).score) for some in (translations, others)]
    difference = whole[0] - whole[1]
    resampled = np.subtract(*(_resampled(metric, some, columns, draws) for some in (translations, others)))
    lower, upper = np.quantile(resampled, [0.025, 0.975])
    by_chance = np.abs(resampled - resampled.mean()) >= abs(difference)
    return PairedComparison(difference, (float(lower), float(upper)), float((by_chance.sum() + 1) / (resamples + 1)))


def nearest_translations(sources: Sequence[str], translations: Sequence[str], queries: Sequence[str]) -> list[str]:
    """For each query the translation of the training sentence most like it: by the cosine of tf-idf over words and
    word pairs; of equally near ones the first. What a system without a network would say.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    known = vectorizer.fit_transform(sources).T.tocsc()
    asked = vectorizer.transform(queries)
    nearest = [
        np.asarray((asked[start : start + 64] @ known).todense()).argmax(axis=1) for start in range(0, len(queries), 64)
    ]
    return [translations[row] for rows in nearest for row in rows.tolist()]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _columns(translations: Sequence[str], references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """The references as sacrebleu takes them: the first of every sentence, the second of every sentence, …"""
    if not translations or len(translations) != len(references):
        raise UserError(
            f"{len(translations)} translations and references for {len(references)} sentences: expected as many of "
            "both, and at least one"
        )
    if not all(references):
        raise UserError(f"sentence {[bool(some) for some in references].index(False) + 1} has no reference; give one")
    most = max(len(some) for some in references)
    return [[some[place] if place < len(some) else None for some in references] for place in range(most)]


def _metrics(*, effective_order: bool = False) -> dict[str, Any]:
    try:
        from sacrebleu.metrics import BLEU, CHRF
    except ImportError as error:
        raise UserError(
            "scores of translations need the package 'sacrebleu', which is not installed. "
            "Install it with: pip install 'seqvision[translation]'"
        ) from error
    return {
        "bleu": BLEU(lowercase=True, effective_order=effective_order),
        "bleu_cased": BLEU(effective_order=effective_order),
        "chrf": CHRF(lowercase=True),
        "chrf_cased": CHRF(),
    }


def _draws(sentences: int, resamples: int, seed: int) -> np.ndarray:
    if resamples < 1:
        raise UserError(f"resamples is {resamples}; expected 1 or more")
    return np.random.default_rng(seed).integers(sentences, size=(resamples, sentences))


def _resampled(
    metric: Any, translations: Sequence[str], columns: list[list[str | None]], draws: np.ndarray
) -> np.ndarray:
    """The score of every resampled set. A score is a function of sums of sentences' counts, taken once a sentence."""
    counts = np.array(metric._extract_corpus_statistics(list(translations), columns), dtype=np.float64)
    return np.array([metric._compute_score_from_stats(row.tolist()).score for row in _sums(counts, draws)])


def _sums(counts: np.ndarray, draws: np.ndarray) -> np.ndarray:
    weights = np.stack([np.bincount(draw, minlength=len(counts)) for draw in draws])
    return weights @ counts
