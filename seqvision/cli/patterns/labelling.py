"""Labels of frames."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqvision.cli.patterns.base import Pattern, Splits
from seqvision.cli.patterns.classes import order_of
from seqvision.cli.record import Evaluation
from seqvision.data.sequences.records import SequenceRecord
from seqvision.inference import LoadedLabeller, load_model
from seqvision.inference.labelling_evaluation import evaluate_labels, predict_labels
from seqvision.inference.labelling_report import LabellingReport
from seqvision.inference.sequence_evaluation import in_classes_of
from seqvision.inference.sequences import deciding_together
from seqvision.metrics.frames import Protocol


class Labelling(Pattern):
    """A prediction is a recording's probabilities (time, classes)."""

    own_options = frozenset({"against", "per class", "protocol", "ensemble", "inference"})

    def load(self) -> None:
        loaded = [load_model(path, LoadedLabeller, **self.how()) for path in self.given.checkpoint]
        labellers = deciding_together(loaded)
        self.models, self.labeller = labellers, labellers[0]
        members = self.members(labellers)
        self.answering = [(each, order_of(each, self.labeller, "--checkpoint")) for each in members]
        others = {path: load_model(path, LoadedLabeller, **self.how()) for path in self.given.against}
        self.others = {path: (other, order_of(other, self.labeller, "--against")) for path, other in others.items()}
        trained_with = self.labeller.trained_with
        self.protocol: Protocol = self.given.protocol or trained_with("task", "protocol", Protocol, "mstcn")
        trained = trained_with("task", "background", Sequence[str], ())
        background = trained if self.given.background is None else self.given.background
        self.background = tuple(name for name in background if name)

    def predict(self, records: Sequence[SequenceRecord], splits: Splits) -> list[np.ndarray]:
        found = [[part[:, o] for part in predict_labels(each, records)] for each, o in self.answering]
        return self.together(found)

    def evaluate(
        self,
        predictions: Sequence[np.ndarray],
        records: Sequence[SequenceRecord],
        *,
        split: str,
        splits: Splits,
        data: Any,
    ) -> Evaluation:
        learning = self.learning(records, splits, data)
        learnt_of = {name: some for name, some in learning.splits.items() if name in ("train", "val")}
        classes = self.labeller.classes
        others = {}
        for path, (other, order) in self.others.items():
            labels = (other.decide(part) for part in predict_labels(other, records))
            # classes in this labeller's order: columns of several labels, names of one
            others[path] = [each[:, order] if each.ndim == 2 else np.argsort(order)[each] for each in labels]
        found = evaluate_labels(
            predictions,
            in_classes_of(records, data.classes, classes),
            self.labeller,
            split=split,
            protocol=self.protocol,
            background=self.background,
            training={name: in_classes_of(some, learning.data.classes, classes) for name, some in learnt_of.items()},
            others=others,
            members=self.apart,
            **self.settings(),
        )
        return self.complete(found, learning)

    def report(
        self,
        predictions: Sequence[np.ndarray],
        records: Sequence[SequenceRecord],
        *,
        split: str,
        total: int,
        data: Any,
        examples: int,
    ) -> LabellingReport:
        return LabellingReport(
            self.labeller,
            predictions,
            in_classes_of(records, data.classes, self.labeller.classes),
            split=split,
            background=self.background,
            protocol=self.protocol,
        )
