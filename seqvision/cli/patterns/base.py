"""What `seqvision evaluate` and `seqvision report` ask of a pattern."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from seqvision.cli.options import loading
from seqvision.cli.patterns.learning import Learning, Splits, learning_data
from seqvision.cli.record import Evaluation
from seqvision.inference import LoadedModel
from seqvision.inference.members import averaged, members_of, spread_of
from seqvision.inference.report import PatternReport
from seqvision.inference.sequence_evaluation import Scored

LoadedT = TypeVar("LoadedT", bound=LoadedModel)
ScoredT = TypeVar("ScoredT", bound=Scored)


class Pattern:
    """A pattern's way from the command line's options to scores and to a page; a subclass a pattern.

    own_options: which groups of options that not all patterns know mean something here; shown_at_most: items that the
    page looks for examples in, None for all.
    """

    own_options: ClassVar[frozenset[str]] = frozenset()
    shown_at_most: ClassVar[int | None] = None

    models: Sequence[LoadedModel]
    decoding: str | None = None
    spread: float | None = None
    apart: Sequence[Sequence[np.ndarray]] = ()  # what each member of an ensemble answered

    def __init__(self, given: argparse.Namespace):
        self.given = given
        self.load()

    def load(self) -> None:
        """Sets `models`, and whatever else stays the same for all splits."""
        raise NotImplementedError

    def predict(self, records: Sequence[Any], splits: Splits) -> Any:
        """A prediction a record, of the kind that the pattern has; splits: all that the data have."""
        raise NotImplementedError

    def evaluate(
        self, predictions: Any, records: Sequence[Any], *, split: str, splits: Splits, data: Any
    ) -> Evaluation:
        """What the predictions are worth, beside controls that learn of the other splits."""
        raise NotImplementedError

    def rows(self, evaluation: Any) -> Iterator[dict[str, Any]]:
        """The predictions, an entry an item."""
        yield from evaluation.rows

    def report(
        self, predictions: Any, records: Sequence[Any], *, split: str, total: int, data: Any, examples: int
    ) -> PatternReport:
        """What the page says of these records; total: how many the split has."""
        raise NotImplementedError

    def members(self, models: Sequence[LoadedT]) -> list[LoadedT]:
        """What answers in the models' place."""
        return members_of(models, self.given.inference, samples=self.given.samples)

    @property
    def ensemble(self) -> bool:
        """Whether several models answer, and nothing else."""
        return len(self.models) > 1 and not self.given.inference

    def together(self, found: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """The mean of the members' probabilities, item by item."""
        self.apart = found if self.ensemble else ()
        means, spreads = averaged(found)
        self.spread = spread_of(means, spreads) if len(found) > 1 else None
        return means

    def complete(self, evaluation: ScoredT, learning: Learning) -> ScoredT:
        """The evaluation with how far the members lay apart, if there were several, and what controls learnt of."""
        scores = evaluation.scores if self.spread is None else {**evaluation.scores, "spread": self.spread}
        return replace(evaluation, scores=scores, notes=[*evaluation.notes, *learning.note()])

    def learning(self, records: Sequence[Any], splits: Splits, data: Any) -> Learning:
        """What controls may learn of."""
        return learning_data(self.given, self.models[0] if self.models else None, records, splits, data)

    def settings(self) -> dict[str, Any]:
        """Of every evaluation."""
        return {"resamples": self.given.bootstrap, "seed": self.given.seed or 0}

    def how(self) -> dict[str, Any]:
        """How models are loaded."""
        return loading(self.given)
