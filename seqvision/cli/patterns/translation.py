"""Translations of sentences."""

from collections.abc import Iterator, Sequence
from typing import Any

from seqvision.cli.options import decoder_of
from seqvision.cli.patterns.base import Pattern, Splits
from seqvision.cli.record import Evaluation
from seqvision.data.parallel import SentencePair
from seqvision.data.progress import tracked
from seqvision.inference import load_model
from seqvision.inference.translating import (
    LoadedTranslator,
    TranslatedSentence,
    check_translators,
    translate_sentences,
)
from seqvision.inference.translation_evaluation import evaluate_translations
from seqvision.inference.translation_report import TranslationReport


class Translation(Pattern):
    """A prediction is a `TranslatedSentence`."""

    own_options = frozenset({"decoding", "ensemble", "against", "inference", "tokenizer"})
    shown_at_most = 1000

    def load(self) -> None:
        self.translators = [load_model(path, LoadedTranslator, **self.how()) for path in self.given.checkpoint]
        check_translators(self.translators)
        self.others = {path: load_model(path, LoadedTranslator, **self.how()) for path in self.given.against}
        self.models = self.translators
        self.decoder = decoder_of(self.given, self.translators[0].config)
        self.decoding = str(self.decoder)

    def predict(self, records: Sequence[SentencePair], splits: Splits) -> Sequence[TranslatedSentence]:
        return self._translated(self.members(self.translators), records)

    def _translated(
        self, translators: Sequence[LoadedTranslator], records: Sequence[SentencePair]
    ) -> list[TranslatedSentence]:
        found = translate_sentences(
            translators,
            [pair.source for pair in records],
            self.decoder,
            batch_size=self.given.batch_size,
            forbid=self.given.forbid,
            require=self.given.require,
        )
        return list(tracked(found, total=len(records), description="Translating"))

    def evaluate(
        self,
        predictions: Sequence[TranslatedSentence],
        records: Sequence[SentencePair],
        *,
        split: str,
        splits: Splits,
        data: Any,
    ) -> Evaluation:
        learning = self.learning(records, splits, data)
        return evaluate_translations(
            [sentence.text for sentence in predictions],
            records,
            split=split,
            training=learning.splits.get("train", []),
            trained_on=learning.said,
            apart=learning.apart,
            others={
                path: [sentence.text for sentence in self._translated([other], records)]
                for path, other in self.others.items()
            },
            tokenizer=self.given.tokenizer or self.translators[0].tokenizer,
            language=self.translators[0].target_language,
            **self.settings(),
        )

    def rows(self, evaluation: Any) -> Iterator[dict[str, Any]]:
        for row, id in enumerate(evaluation.ids):
            yield {
                "id": id,
                "source": evaluation.sources[row],
                "translation": evaluation.captions[row],
                "references": evaluation.references[row],
                "scores": {name: values[row] for name, values in evaluation.per_item.items()},
            }

    def report(
        self,
        predictions: Sequence[TranslatedSentence],
        records: Sequence[SentencePair],
        *,
        split: str,
        total: int,
        data: Any,
        examples: int,
    ) -> TranslationReport:
        return TranslationReport(self.translators[0], predictions, records, split=split, total=total, examples=examples)
