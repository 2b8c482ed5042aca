"""Pictures painted from latent numbers."""

from collections.abc import Sequence
from typing import Any

from seqvision.cli.patterns.base import Pattern, Splits
from seqvision.cli.record import Evaluation
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference import load_model
from seqvision.inference.painting import LoadedPainter
from seqvision.inference.painting_evaluation import Bounds, bounds_of, evaluate_painting
from seqvision.inference.painting_report import PaintingReport


class Painting(Pattern):
    """A prediction is the bound of every picture, with its parts."""

    own_options = frozenset({"against", "importance"})

    def load(self) -> None:
        self.painter = load_model(self.given.checkpoint[0], LoadedPainter, **self.how())
        self.models = [self.painter]
        self.others = {path: load_model(path, LoadedPainter, **self.how()) for path in self.given.against}
        for path, other in self.others.items():
            mine, its = (
                (each.model.shape, each.binarise, type(each.model.pixels).__name__) for each in (self.painter, other)
            )
            if mine != its:
                raise UserError(
                    f"--against {path}: it paints pictures of shape {its[0]}, made zeros and ones by '{its[1]}', with "
                    f"{its[2]}, this one {mine[0]} by '{mine[1]}' with {mine[2]}; only nats of the same pictures can "
                    "be compared, by distributions of one kind"
                )

    def predict(self, records: Sequence[SequenceRecord], splits: Splits) -> Bounds:
        return self._bounds(self.painter, records, self.given.importance)

    def _bounds(self, painter: LoadedPainter, records: Sequence[SequenceRecord], importance: int = 0) -> Bounds:
        return bounds_of(painter, records, batch_size=self.given.batch_size, importance=importance)

    def evaluate(
        self, predictions: Bounds, records: Sequence[SequenceRecord], *, split: str, splits: Splits, data: Any
    ) -> Evaluation:
        learning = self.learning(records, splits, data)
        found = evaluate_painting(
            predictions,
            records,
            self.painter,
            split=split,
            training=learning.splits.get("train", ()),
            others={path: self._bounds(other, records) for path, other in self.others.items()},
            **self.settings(),
        )
        return self.complete(found, learning)

    def report(
        self,
        predictions: Bounds,
        records: Sequence[SequenceRecord],
        *,
        split: str,
        total: int,
        data: Any,
        examples: int,
    ) -> PaintingReport:
        return PaintingReport(self.painter, predictions, records, split=split, examples=examples)
