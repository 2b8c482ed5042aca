"""Labels of pictures, read by looks."""

from collections.abc import Sequence
from typing import Any

from seqvision.cli.patterns.base import Pattern, Splits
from seqvision.cli.record import Evaluation
from seqvision.data.sequences.records import SequenceRecord
from seqvision.inference import load_model
from seqvision.inference.reading import LoadedReader
from seqvision.inference.reading_evaluation import Looked, evaluate_reading, look_at
from seqvision.inference.reading_report import ReadingReport


class Reading(Pattern):
    """A prediction is what was looked at and what was said of it, of all records."""

    own_options = frozenset({"against"})
    shown_at_most = 500

    def load(self) -> None:
        self.reader = load_model(self.given.checkpoint[0], LoadedReader, **self.how())
        self.models = [self.reader]
        self.others = {path: load_model(path, LoadedReader, **self.how()) for path in self.given.against}

    def predict(self, records: Sequence[SequenceRecord], splits: Splits) -> Looked:
        return look_at(self.reader, records, batch_size=self.given.batch_size)

    def evaluate(
        self, predictions: Looked, records: Sequence[SequenceRecord], *, split: str, splits: Splits, data: Any
    ) -> Evaluation:
        training = [] if self.given.no_controls or data.compose is not None else splits.get("train", [])
        return evaluate_reading(
            predictions,
            records,
            self.reader,
            split=split,
            training=training,
            others={
                path: look_at(other, records, batch_size=self.given.batch_size) for path, other in self.others.items()
            },
            **self.settings(),
        )

    def report(
        self,
        predictions: Looked,
        records: Sequence[SequenceRecord],
        *,
        split: str,
        total: int,
        data: Any,
        examples: int,
    ) -> ReadingReport:
        return ReadingReport(self.reader, predictions, records, split=split, examples=examples)
