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

    own_options = frozenset({"against", "per class", "ensemble", "inference"})

    def load(self) -> None:
        classifiers = [load_model(path, LoadedClassifier, **self.how()) for path in self.given.checkpoint]
        self.models, self.classifier = classifiers, classifiers[0]
        members = self.members(classifiers)
        self.answering = [(each, order_of(each, self.classifier, "--checkpoint")) for each in members]
        others = {path: load_model(path, LoadedClassifier, **self.how()) for path in self.given.against}
        self.others = {path: (other, order_of(other, self.classifier, "--against")) for path, other in others.items()}

    def predict(self, records: Sequence[SequenceRecord], splits: Splits) -> np.ndarray:
        size = self.given.batch_size
        found = [list(predict_classes(each, records, batch_size=size)[:, order]) for each, order in self.answering]
        return np.stack(self.together(found))

    def evaluate(
        self, predictions: np.ndarray, records: Sequence[SequenceRecord], *, split: str, splits: Splits, data: Any
    ) -> Evaluation:
        learning = self.learning(records, splits, data)
        found = evaluate_classes(
            predictions,
            in_classes_of(records, data.classes, self.classifier.classes),
            self.classifier,
            split=split,
            training=learning.splits,
            others={
                path: predict_classes(other, records, batch_size=self.given.batch_size)[:, order]
                for path, (other, order) in self.others.items()
            },
            members=[np.stack(list(each)) for each in self.apart],
            **self.settings(),
        )
        return self.complete(found, learning)

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
