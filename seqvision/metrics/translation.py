"""Translations against those that people wrote: BLEU and chrF as sacrebleu computes them, each with its signature."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqvision.errors import UserError
from seqvision.metrics.bootstrap import PERCENT, Groups, bootstrap_interval, interval, known_intervals, standard_error
from seqvision.metrics.controls import nearest_others
from seqvision.wording import folded

SCORES = ("bleu", "bleu_cased", "chrf")
ORDERS = 4  # the longest n-grams of BLEU


@dataclass(frozen=True)
class TranslationScores:
    """Scores of a set of translations: of the whole, 0 to 100, and sentence by sentence.

    corpus: `bleu` and `chrf` in lower case, `bleu_cased` as written, `exact_match` the share of translations that are
    word for word (in lower case) one of their references.
    signatures: how sacrebleu counted, by score, so that others can count in the same way: among others its tokenizer
    (`tok`), and whether BLEU took only the orders that there can be (`eff:yes`), as it does where no reference has four
    tokens.
    intervals: of 95 %, from resampled sentences (Koehn, 2004; see `seqvision.metrics.bootstrap`).
    """

    corpus: dict[str, float]
    signatures: dict[str, str]
    per_item: dict[str, list[float]]
    intervals: dict[str, tuple[float, float]]


def translation_scores(
    translations: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenizer: str = "13a",
    groups: Sequence[Hashable] | None = None,
    resamples: int = 0,
    seed: int = 0,
) -> TranslationScores:
    """The scores of detokenised translations against one or several references each (Papineni et al., 2002; Popović,
    2015; Post, 2018). BLEU of a single sentence is smoothed, and takes the orders that a short sentence has.

    tokenizer: sacrebleu's, for BLEU; see `bleu_tokenizer`. groups: which sentences are drawn together; None: each by
    itself. resamples: of the bootstrap; 0 leaves the intervals out.
    Raises `UserError` where there are no translations, or where the numbers do not fit.
    """
    columns = _columns(translations, references)
    of = Groups(range(len(translations)) if groups is None else groups)
    corpus, signatures, items, intervals = {}, {}, {}, {}
    for name, metric in _metrics(tokenizer, columns).items():
        counts = _counts(metric, translations, columns)
        corpus[name], signatures[name] = _score(metric, counts.sum(axis=0)), str(metric.get_signature())
        if name != "bleu_cased":
            single = _metrics(tokenizer)[name]
            items[name] = [_score(single, row) for row in counts]
        intervals[name] = interval(
            corpus[name], _resampled(metric, counts, of, resamples, seed), of.number, bounds=PERCENT
        )
    pairs = zip(translations, references, strict=True)
    exact = np.array([100.0 * (folded(text) in map(folded, wanted)) for text, wanted in pairs])
    corpus["exact_match"], items["exact_match"] = float(exact.mean()), exact.tolist()
    if resamples:
        intervals["exact_match"] = bootstrap_interval(exact, groups, seed=seed, resamples=resamples, bounds=PERCENT)
    return TranslationScores(corpus, signatures, items, known_intervals(intervals))


@dataclass(frozen=True)
class PairedComparison:
    """How much better one system is than another on the same sentences, and how sure that is.

    difference: of the scores on all sentences; interval: of 95 %, from the differences over resampled sets; p_value:
    how often a difference at least as large, either way, would come of chance alone, by the same error and t
    distribution. None of either where there is one group only, or the systems differ in none.
    """

    difference: float
    interval: tuple[float, float] | None
    p_value: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        ends = self.interval and list(self.interval)
        return {"difference": self.difference, "interval": ends, "p_value": self.p_value}


def paired_bootstrap(
    translations: Sequence[str],
    others: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    score: str = "bleu",
    tokenizer: str = "13a",
    groups: Sequence[Hashable] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> PairedComparison:
    """The first system's score less the other's (Koehn, 2004): both are scored on the same resampled sentences."""
    if len(translations) != len(others):
        raise UserError(f"{len(translations)} translations against {len(others)}: both systems must translate the same")
    if score not in SCORES:
        raise UserError(f"score '{score}': expected one of {', '.join(SCORES)}")
    if resamples < 1:
        raise UserError(f"resamples is {resamples}; expected 1 or more")
    columns = _columns(translations, references)
    of = Groups(range(len(translations)) if groups is None else groups)
    metric = _metrics(tokenizer, columns)[score]
    ours, theirs = (_counts(metric, some, columns) for some in (translations, others))
    difference = _score(metric, ours.sum(axis=0)) - _score(metric, theirs.sum(axis=0))
    resampled = _resampled(metric, ours, of, resamples, seed) - _resampled(metric, theirs, of, resamples, seed)
    error = standard_error(resampled, of.number)
    if np.isnan(error):
        return PairedComparison(difference, None, None)
    from scipy.special import stdtr

    by_chance = 2 * float(stdtr(of.number - 1, -abs(difference) / error))
    return PairedComparison(difference, interval(difference, resampled, of.number), by_chance)


def nearest_translations(
    sources: Sequence[str], translations: Sequence[str], queries: Sequence[str], *, apart: bool = False
) -> list[str]:
    """For each query the translation of the training sentence most like it: by the cosine of tf-idf over words and
    word pairs; of equally near ones the first. What a system without a network would say. apart: sentences that are
    equal to the query are passed over.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise UserError(
            "the nearest sentences need scikit-learn, which is not installed. "
            "Install it with: pip install scikit-learn (or leave the controls out)"
        ) from error
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    known = vectorizer.fit_transform(sources).T.tocsc()
    asked = vectorizer.transform(queries)
    plain = [folded(text) for text in sources], [folded(text) for text in queries]

    def same(query: int, row: int) -> bool:
        return plain[0][row] == plain[1][query]

    found = []
    for start in range(0, len(queries), 64):
        likeness = np.asarray((asked[start : start + 64] @ known).todense())
        found += nearest_others(likeness, same if apart else None, start)
    return ["" if row is None else translations[row] for row in found]


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


def bleu_message(scores: Mapping[str, float], signatures: Mapping[str, str]) -> str | None:
    """What to know where BLEU is 0 while translations are exactly right; None elsewhere."""
    if scores["bleu"] > 0 or not scores["exact_match"]:
        return None
    return (
        f"BLEU is 0 while {scores['exact_match']:.1f} % of the translations are exactly right, for no n-gram of four "
        f"tokens is in a reference ({signatures['bleu']}). Judge by exact_match or chrf, or choose another tokenizer "
        "(task.tokenizer=char, --tokenizer char)"
    )


def _metrics(tokenizer: str, columns: Sequence[Sequence[str | None]] = ()) -> dict[str, Any]:
    """The metrics by name. columns: the references of a corpus; without any, those of single sentences."""
    try:
        from sacrebleu.metrics import BLEU, CHRF
    except ImportError as error:
        raise UserError(
            "scores of translations need the package 'sacrebleu', which is not installed. "
            "Install it with: pip install sacrebleu"
        ) from error
    cut = BLEU(tokenize=tokenizer).tokenizer
    short = all(len(cut(text).split()) < ORDERS for column in columns for text in column if text)
    return {
        "bleu": BLEU(lowercase=True, tokenize=tokenizer, effective_order=short),
        "bleu_cased": BLEU(tokenize=tokenizer, effective_order=short),
        "chrf": CHRF(lowercase=True),
    }


def _counts(metric: Any, translations: Sequence[str], columns: list[list[str | None]]) -> np.ndarray:
    """(sentences, counts): every score is a function of their sum, so that they are taken but once."""
    return np.array(metric._extract_corpus_statistics(list(translations), columns), dtype=np.float64)


def _score(metric: Any, counts: np.ndarray) -> float:
    return min(100.0, float(metric._compute_score_from_stats(counts.tolist()).score))  # it may be 1e-14 more


def _resampled(metric: Any, counts: np.ndarray, groups: Groups, resamples: int, seed: int) -> np.ndarray:
    """The score of each set of drawn groups."""
    sums = groups.sums(counts)
    return np.array([_score(metric, sums[drawn].sum(axis=0)) for drawn in groups.draws(resamples, seed)])
