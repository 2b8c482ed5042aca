"""What `seqvision evaluate` does for each pattern: which models, which predictions, which scores."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from seqvision.cli.options import decoder_of, load_captioners
from seqvision.cli.record import Evaluation
from seqvision.cli.stored_data import scenes_of
from seqvision.data import CaptionRecord
from seqvision.data.parallel import SentencePair
from seqvision.data.progress import tracked
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference import LoadedClassifier, LoadedLabeller, LoadedModel, caption_pictures, load_model
from seqvision.inference.checkpoint import find_checkpoint, pattern_of, read_checkpoint
from seqvision.inference.classification_evaluation import evaluate_classes, predict_classes
from seqvision.inference.evaluation import evaluate_split
from seqvision.inference.labelling_evaluation import evaluate_labels, predict_labels
from seqvision.inference.predictions import match_predictions, read_predictions
from seqvision.inference.sequence_evaluation import in_classes_of
from seqvision.inference.translating import LoadedTranslator, check_translators, translate_sentences
from seqvision.inference.translation_evaluation import evaluate_translations
from seqvision.metrics.frames import Protocol

Splits = Mapping[str, Sequence[Any]]


class Evaluator:
    """A pattern's way from the command line's options to scores; a subclass a pattern.

    own_options: those of the options in `OPTIONS` that mean something here; unit: what is counted.
    """

    own_options: ClassVar[frozenset[str]] = frozenset()
    unit: ClassVar[str]

    models: Sequence[LoadedModel]
    decoding: str | None = None

    def __init__(self, given: argparse.Namespace):
        self.given = given
        if given.trust and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())  # where a person's own module lies
        self.load()

    @property
    def config(self) -> dict[str, Any] | None:
        """The configuration of the (first) model."""
        return self.models[0].config if self.models else None

    def load(self) -> None:
        """Sets `models` and whatever else stays the same for all splits."""
        raise NotImplementedError

    def evaluate(self, split: str, records: Sequence[Any], splits: Splits, data: Any) -> Evaluation:
        """The evaluation of the records; splits: all that the data have, for the controls."""
        raise NotImplementedError

    def rows(self, evaluation: Any) -> Iterator[dict[str, Any]]:
        """The predictions, an entry an item."""
        yield from evaluation.rows

    def training(self, splits: Splits) -> Splits:
        """What controls may learn of."""
        return {} if self.given.no_controls else splits


class CaptionEvaluator(Evaluator):
    """Captions of pictures, of models or of a file."""

    own_options = frozenset({"decoding", "predictions", "ensemble"})
    unit = "pictures"

    def load(self) -> None:
        self.captioners = load_captioners(self.given) if self.given.checkpoint else []
        self.models = self.captioners
        self.written = read_predictions(self.given.predictions) if self.given.predictions else None
        self.decoder = None
        if self.captioners and self.written is None:
            self.decoder = decoder_of(self.given, self.captioners[0].config)
            self.decoding = str(self.decoder)

    def evaluate(self, split: str, records: Sequence[CaptionRecord], splits: Splits, data: Any) -> Evaluation:
        if self.written is None:
            captions = self._captions(records)
        else:
            everything = [record for some in splits.values() for record in some]
            captions = match_predictions(self.written, everything, records, source=self.given.predictions)
        return evaluate_split(
            captions,
            records,
            split=split,
            training=self.training(splits).get("train", []),
            captioner=self.captioners[0] if self.captioners else None,
            cache=None if self.given.cache == "none" else Path(self.given.cache),
            scenes=scenes_of(data),
            resamples=self.given.bootstrap,
            seed=self.given.seed or 0,
        )

    def _captions(self, records: Sequence[CaptionRecord]) -> list[str]:
        """The models' captions; a picture that cannot be read ends it, for the scores would be others'."""
        captions = caption_pictures(
            self.captioners,
            [record.image for record in records],
            self.decoder,
            batch_size=self.given.batch_size,
            forbid=self.given.forbid,
            require=self.given.require,
        )
        return [picture.text for picture in tracked(captions, total=len(records), description="Captioning")]

    def rows(self, evaluation: Any) -> Iterator[dict[str, Any]]:
        for row, id in enumerate(evaluation.ids):
            yield {
                "id": id,
                "caption": evaluation.captions[row],
                "references": evaluation.references[row],
                "scores": {name: values[row] for name, values in evaluation.per_item.items()},
            }


class TranslationEvaluator(Evaluator):
    """Translations of sentences."""

    own_options = frozenset({"decoding", "ensemble"})
    unit = "sentences"

    def load(self) -> None:
        given = self.given
        self.translators = [
            load_model(path, LoadedTranslator, device=given.device, trust=given.trust) for path in given.checkpoint
        ]
        check_translators(self.translators)
        self.models = self.translators
        self.decoder = decoder_of(given, self.translators[0].config)
        self.decoding = str(self.decoder)

    def evaluate(self, split: str, records: Sequence[SentencePair], splits: Splits, data: Any) -> Evaluation:
        found = translate_sentences(
            self.translators,
            [pair.source for pair in records],
            self.decoder,
            batch_size=self.given.batch_size,
            forbid=self.given.forbid,
            require=self.given.require,
        )
        return evaluate_translations(
            [sentence.text for sentence in tracked(found, total=len(records), description="Translating")],
            records,
            split=split,
            training=self.training(splits).get("train", []),
            resamples=self.given.bootstrap,
            seed=self.given.seed or 0,
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


class ClassEvaluator(Evaluator):
    """Classes of sequences."""

    own_options = frozenset({"against", "per class"})
    unit = "sequences"

    def load(self) -> None:
        self.classifier = load_model(self.given.checkpoint[0], LoadedClassifier, **self._how())
        self.models = [self.classifier]
        self.others = {path: load_model(path, LoadedClassifier, **self._how()) for path in self.given.against}
        _check_classes(self.classifier.classes, self.others)

    def evaluate(self, split: str, records: Sequence[SequenceRecord], splits: Splits, data: Any) -> Evaluation:
        classes = self.classifier.classes
        records = in_classes_of(records, data.classes, classes)
        size = self.given.batch_size
        others = {
            name: predict_classes(other, records, batch_size=size)[:, [other.classes.index(each) for each in classes]]
            for name, other in self.others.items()
        }
        return evaluate_classes(
            predict_classes(self.classifier, records, batch_size=size),
            records,
            self.classifier,
            split=split,
            training=self.training(splits),
            others=others,
            resamples=self.given.bootstrap,
            seed=self.given.seed or 0,
        )

    def _how(self) -> dict[str, Any]:
        return {"device": self.given.device, "trust": self.given.trust}


class LabelEvaluator(ClassEvaluator):
    """Labels of frames."""

    own_options = frozenset({"against", "per class", "protocol"})
    unit = "recordings"

    def load(self) -> None:
        self.labeller = load_model(self.given.checkpoint[0], LoadedLabeller, **self._how())
        self.models = [self.labeller]
        self.rivals = {path: load_model(path, LoadedLabeller, **self._how()) for path in self.given.against}
        _check_classes(self.labeller.classes, self.rivals)
        task = self.labeller.config.get("task") or {}
        self.protocol: Protocol = self.given.protocol or task.get("protocol") or "mstcn"
        background = task.get("background") or () if self.given.background is None else self.given.background
        self.background = tuple(name for name in background if name)

    def evaluate(self, split: str, records: Sequence[SequenceRecord], splits: Splits, data: Any) -> Evaluation:
        classes = self.labeller.classes
        learnt = {
            name: in_classes_of(some, data.classes, classes)
            for name, some in self.training(splits).items()
            if name in ("train", "val")
        }
        records = in_classes_of(records, data.classes, classes)
        others = {}
        for name, other in self.rivals.items():
            order = [other.classes.index(each) for each in classes]
            thresholds = None if other.thresholds is None else [other.thresholds[place] for place in order]
            others[name] = ([p[:, order] for p in predict_labels(other, records)], thresholds)
        return evaluate_labels(
            predict_labels(self.labeller, records),
            records,
            self.labeller,
            split=split,
            protocol=self.protocol,
            background=self.background,
            training=learnt,
            others=others,
            resamples=self.given.bootstrap,
            seed=self.given.seed or 0,
        )


EVALUATORS: dict[str, type[Evaluator]] = {
    "captioning": CaptionEvaluator,
    "classification": ClassEvaluator,
    "labelling": LabelEvaluator,
    "translation": TranslationEvaluator,
}


def evaluator_for(path: str | None) -> tuple[str, type[Evaluator]]:
    """The pattern of a checkpoint with its evaluator; captioning without a checkpoint, for a file of captions."""
    if path is None:
        return "captioning", CaptionEvaluator
    file = find_checkpoint(path)
    pattern = pattern_of(read_checkpoint(file))
    if pattern not in EVALUATORS:
        raise UserError(f"{file}: a model for '{pattern}', expected one of {', '.join(EVALUATORS)}")
    return pattern, EVALUATORS[pattern]


def _check_classes(classes: Sequence[str], others: Mapping[str, Any]) -> None:
    for path, other in others.items():
        differing = sorted(set(classes) ^ set(other.classes))
        if differing:
            raise UserError(
                f"--against {path}: its classes are others ('{differing[0]}' is known to one of the models only); "
                "two models are compared on the same classes"
            )
