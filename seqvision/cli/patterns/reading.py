"""Labels of pictures, read by looks."""

from collections.abc import Sequence
from typing import Any

from seqvision.cli.patterns.base import Pattern, Splits
from seqvision.cli.record import Evaluation
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference import load_model
from seqvision.inference.reading import LoadedReader, check_directions, check_readers
from seqvision.inference.reading_evaluation import Looked, evaluate_reading, look_at
from seqvision.inference.reading_report import ReadingReport


class Reading(Pattern):
    """A prediction is what was looked at and what was said of it, of all records."""

    own_options = frozenset({"against", "backward", "ensemble", "inference"})
    shown_at_most = 500

    def load(self) -> None:
        readers = [load_model(path, LoadedReader, **self.how()) for path in self.given.checkpoint]
        self.reader = readers[0]
        check_readers(readers)
        self.backward = load_model(self.given.backward, LoadedReader, **self.how()) if self.given.backward else None
        if self.backward is not None:
            if self.given.inference:
                raise UserError(f"--inference {self.given.inference}: not with --backward; leave one of them out")
            check_directions(self.reader, self.backward)
        self.models = [*readers, *([self.backward] if self.backward else [])]
        self.looking = self.members(readers)
        self.others = {path: load_model(path, LoadedReader, **self.how()) for path in self.given.against}

    def predict(self, records: Sequence[SequenceRecord], splits: Splits) -> Looked:
        looked = look_at(self.looking, records, backward=self.backward, batch_size=self.given.batch_size)
        self.spread = looked.spread
        return looked

    def evaluate(
        self, predictions: Looked, records: Sequence[SequenceRecord], *, split: str, splits: Splits, data: Any
    ) -> Evaluation:
        learning = self.learning(records, splits, data)
        training = [] if learning.data.compose is not None else learning.splits.get("train", [])
        found = evaluate_reading(
            predictions,
            records,
            self.reader,
            split=split,
            training=training,
            backward=self.backward,
            others={
                path: look_at([other], records, batch_size=self.given.batch_size) for path, other in self.others.items()
            },
            ensemble=self.ensemble,
            **self.settings(),
        )
        return self.complete(found, learning)

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
