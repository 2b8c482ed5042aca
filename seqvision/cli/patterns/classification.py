"""Classes of sequences."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqvision.cli.patterns.base import Pattern, Splits
from seqvision.cli.patterns.classes import order_of
from seqvision.cli.record import Evaluation
from seqvision.data.sequences.records import SequenceRecord
from seqvision.inference import LoadedClassifier, load_model
from seqvision.inference.classification_evaluation import evaluate_classes, predict_classes
from seqvision.inference.classification_report import ClassificationReport
from seqvision.inference.sequence_evaluation import in_classes_of


class Classification(Pattern):
    """A prediction is a row of probabilities."""

    own_options = frozenset({"against", "per class"})

    def load(self) -> None:
        self.classifier = load_model(self.given.checkpoint[0], LoadedClassifier, **self.how())
        self.models = [self.classifier]
        others = {path: load_model(path, LoadedClassifier, **self.how()) for path in self.given.against}
        self.others = {path: (other, order_of(other, self.classifier, path)) for path, other in others.items()}

    def predict(self, records: Sequence[SequenceRecord], splits: Splits) -> np.ndarray:
        return predict_classes(self.classifier, records, batch_size=self.given.batch_size)

    def evaluate(
        self, predictions: np.ndarray, records: Sequence[SequenceRecord], *, split: str, splits: Splits, data: Any
    ) -> Evaluation:
        return evaluate_classes(
            predictions,
            in_classes_of(records, data.classes, self.classifier.classes),
            self.classifier,
            split=split,
            training=self.training(splits),
            others={
                path: predict_classes(other, records, batch_size=self.given.batch_size)[:, order]
                for path, (other, order) in self.others.items()
            },
            **self.settings(),
        )

    def report(
        self,
        predictions: np.ndarray,
        records: Sequence[SequenceRecord],
        *,
        split: str,
        total: int,
        data: Any,
        examples: int,
    ) -> ClassificationReport:
        records = in_classes_of(records, data.classes, self.classifier.classes)
        return ClassificationReport(self.classifier, predictions, records, split=split, examples=examples)
