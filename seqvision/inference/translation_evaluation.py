"""Translations against those that people wrote: every score with its interval, beside controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqvision.data.groups import group_of
from seqvision.data.parallel import SentencePair
from seqvision.inference.evaluation_data import evaluation_data, neighbours_said
from seqvision.metrics import collapse_message, partners
from seqvision.metrics.bootstrap import Groups
from seqvision.metrics.scripts import bleu_tokenizer
from seqvision.metrics.translation import (
    PairedComparison,
    bleu_message,
    nearest_translations,
    paired_bootstrap,
    translation_scores,
)

COMPARED = ("bleu", "chrf")  # the scores by which systems are compared


@dataclass(frozen=True)
class TranslationEvaluation:
    """What a model's translations of a split are worth, and what is worth text that took no such model.

    intervals: of 95 %, equal sentences drawn together. controls: "copied" (the sentence itself for its translation),
    "nearest_neighbour" (the translation of the training sentence most like it), "shuffled" (the model's translations
    of other sentences). signatures: how sacrebleu counted. differences: how much better the model is than others, score
    by score on the same sentences, by their names. notes: what was left out and why.
    """

    split: str
    ids: list[str]
    sources: list[str]
    captions: list[str]
    references: list[tuple[str, ...]]
    scores: dict[str, float]
    per_item: dict[str, list[float]]
    intervals: dict[str, tuple[float, float]]
    controls: dict[str, dict[str, float]]
    signatures: dict[str, str]
    collapse: str | None
    notes: list[str] = field(default_factory=list)
    differences: dict[str, dict[str, PairedComparison]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All that concerns the whole split, as plain data."""
        differences = {
            other: {name: each.to_dict() for name, each in scores.items()} for other, scores in self.differences.items()
        }
        return evaluation_data(
            pattern="translation",
            split=self.split,
            sizes={"sentences": len(self.ids)},
            scores=self.scores,
            intervals=self.intervals,
            controls=self.controls,
            differences=differences,
            signatures=self.signatures,
            collapse=self.collapse,
            notes=self.notes,
        )


def evaluate_translations(
    translations: Sequence[str],
    pairs: Sequence[SentencePair],
    *,
    split: str,
    training: Sequence[SentencePair] = (),
    trained_on: str = "the training data",
    apart: bool = False,
    others: Mapping[str, Sequence[str]] | None = None,
    tokenizer: str = "auto",
    language: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> TranslationEvaluation:
    """The evaluation of one translation a pair.

    training: the pairs that lend their translations to the nearest sentences, trained_on: where they are from, in
    words, apart: never to a sentence that is equal; others: what other systems made of the
    same sentences, by name, to be compared with; tokenizer, language: see
    `bleu_tokenizer`; resamples: of the bootstrap, 0 leaves intervals and comparisons out.
    """
    references: list[tuple[str, ...]] = [(pair.target,) for pair in pairs]
    sources = [pair.source for pair in pairs]
    tokenizer = bleu_tokenizer(tokenizer, language=language, texts=[pair.target for pair in pairs])
    groups = [group_of(pair) for pair in pairs]
    how: dict[str, Any] = {"tokenizer": tokenizer, "groups": groups, "resamples": resamples, "seed": seed}
    own = translation_scores(translations, references, **how)
    message = bleu_message(own.corpus, own.signatures)
    controls: dict[str, Sequence[str]] = {"copied": sources}
    notes = [message] if message else []
    notes += [Groups(groups).said()] if resamples else []
    if training:
        known = ([pair.source for pair in training], [pair.target for pair in training])
        controls["nearest_neighbour"] = nearest_translations(*known, sources, apart=apart)
        notes.append(neighbours_said(len(training), "sentence", trained_on, apart))
    else:
        notes.append("no training pairs: the control that draws on them is left out")
    others_of, said = partners(references, seed=seed)
    notes += [said] if said else []
    if others_of is not None:
        controls["shuffled"] = [translations[other] for other in others_of]
    return TranslationEvaluation(
        split=split,
        ids=[pair.id for pair in pairs],
        sources=sources,
        captions=list(translations),
        references=references,
        scores=own.corpus,
        per_item=own.per_item,
        intervals=own.intervals,
        controls={
            name: translation_scores(texts, references, tokenizer=tokenizer).corpus for name, texts in controls.items()
        },
        signatures=own.signatures,
        collapse=collapse_message(translations, references),
        notes=notes,
        differences={
            name: {score: paired_bootstrap(translations, texts, references, score=score, **how) for score in COMPARED}
            for name, texts in (others or {}).items()
            if resamples
        },
    )
