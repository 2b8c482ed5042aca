"""All scores of a set of captions in one call."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from seqvision.errors import UserError
from seqvision.metrics.bleu import bleu_from_table
from seqvision.metrics.cider import ORDERS, DocumentFrequencies, cider_from_table
from seqvision.metrics.diversity import diversity
from seqvision.metrics.meteor import meteor_nltk
from seqvision.metrics.ngrams import check_aligned, count_ngrams
from seqvision.metrics.rouge import rouge_l
from seqvision.metrics.shuffling import partners
from seqvision.metrics.tokenize import tokenize_ptb

UNSCALED = ("cider_d", "meteor_nltk")  # all else is in percent


@dataclass(frozen=True)
class CaptionScores:
    """What a set of captions is worth, as a whole and caption by caption.

    `corpus` has, in percent, bleu_1 .. bleu_4, rouge_l, exact_match (captions that equal one of their references),
    distinct and commonest_share; cider_d on the scale of the COCO tools (10 for a perfect caption; papers multiply
    their mean by 100), and meteor_nltk, from 0 to 1, where asked for and available. `per_item` has, in the
    order of the candidates, those of them that a single caption has.
    """

    corpus: dict[str, float]
    per_item: dict[str, list[float]]


def caption_scores(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenized: bool = False,
    document_frequencies: DocumentFrequencies | None = None,
    meteor: bool = False,
) -> CaptionScores:
    """The scores of `candidates`, one for each picture, against each picture's `references` (any number, at least one).

    Sentences are split as the reference implementations do (`tokenize_ptb`; characters of scripts without blanks
    between words count as words), or at blanks where they are `tokenized` already. Warns where CIDEr is undefined (a
    single picture) and where METEOR is asked for but not installed. Raises `UserError` where candidates and references
    do not go together.
    """
    check_aligned(candidates, references)
    split = str.split if tokenized else lru_cache(maxsize=None)(tokenize_ptb)  # captions of a set often repeat
    words = [split(caption) for caption in candidates]
    reference_words = [[split(text) for text in texts] for texts in references]

    table = count_ngrams(words, reference_words, max_order=ORDERS, spell=document_frequencies is not None)
    bleu_corpus, bleu_items = bleu_from_table(table)
    items = {f"bleu_{order}": scores for order, scores in enumerate(bleu_items, start=1)}
    items["rouge_l"] = rouge_l(words, reference_words)
    items["cider_d"] = cider_from_table(table, document_frequencies=document_frequencies)
    if meteor:
        try:
            items["meteor_nltk"] = meteor_nltk(words, reference_words)
        except UserError as error:
            warnings.warn(str(error), stacklevel=2)
    items["exact_match"] = np.array([float(w in texts) for w, texts in zip(words, reference_words, strict=True)])

    items = {name: scores if name in UNSCALED else 100 * scores for name, scores in items.items()}
    variety = diversity([" ".join(tokens) for tokens in words])
    corpus = {name: float(scores.mean()) for name, scores in items.items()}
    corpus |= {f"bleu_{order}": 100 * float(score) for order, score in enumerate(bleu_corpus, start=1)}
    corpus |= {"distinct": 100 * variety.distinct, "commonest_share": 100 * variety.commonest_share}
    return CaptionScores(corpus, {name: scores.tolist() for name, scores in items.items()})


def shuffled_scores(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    seed: int,
    tokenized: bool = False,
    document_frequencies: DocumentFrequencies | None = None,
) -> CaptionScores:
    """The control: each candidate against the references of another picture (see `partners`).

    What remains of a score here is what the captions owe to the language of the set, not to the pictures. Raises
    `UserError` where no picture has other references than the rest.
    """
    check_aligned(candidates, references)
    others, said = partners(references, seed=seed)
    if others is None:
        raise UserError(f"{said}; the control needs at least two pictures with other references.")
    return caption_scores(
        candidates,
        [references[other] for other in others],
        tokenized=tokenized,
        document_frequencies=document_frequencies,
    )
