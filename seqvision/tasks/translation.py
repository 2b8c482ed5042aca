"""Translation: trained on words, validated by the translations themselves."""

import sys
from typing import Any

from seqvision.callbacks.samples import Sample, Table
from seqvision.data.parallel import ParallelBatch
from seqvision.metrics.scripts import bleu_tokenizer
from seqvision.metrics.translation import bleu_message, translation_scores
from seqvision.models import Source, Translator
from seqvision.tasks.words import WordTask


class Translation(WordTask):
    """Trains a translator on words given the true words before them; validates by BLEU of what it writes.

    references: every sentence's translation by split and name. tokenizer: sacrebleu's for BLEU, or "auto": the one for
    the target `language`, or for the script of the training translations, see `bleu_tokenizer`. The other settings are
    those of `WordTask`.
    """

    model: Translator
    shown = "bleu"
    logged = ("val/loss", "val/bleu", "val/chrf", "val/bleu_cased", "val/exact_match")

    def __init__(self, model: Translator, *, tokenizer: str = "auto", language: str | None = None, **settings: Any):
        super().__init__(model, **settings)
        self.tokenizer = bleu_tokenizer(tokenizer, language=language, texts=map(str, self.references["train"].values()))
        self._warned = False

    def features(self, batch: ParallelBatch) -> Source:
        return Source(batch.source, batch.source_lengths)

    def scores(self, written: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
        found = translation_scores(written, references, tokenizer=self.tokenizer)
        message = bleu_message(found.corpus, found.signatures)
        if message and not self._warned and self.trainer.is_global_zero:
            self._warned = True
            print(f"warning: {message}", file=sys.stderr)
        return found.corpus

    def validation_samples(self, count: int) -> list[Sample]:
        """Sentences with the network's translations and those that people wrote."""
        written = {one.id: one for one in self.predictions}
        shown = [(pair, written[pair.id]) for pair in self.validation_records(count) if pair.id in written]
        rows = [(pair.source, pair.id, one.caption, "\n".join(one.references)) for pair, one in shown]
        return [Table("predictions", ("source", "id", "translation", "references"), rows)]
