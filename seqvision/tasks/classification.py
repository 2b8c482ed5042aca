"""Classification of whole sequences: many to one."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from seqvision.callbacks.samples import Cell, Plot, Sample, Table
from seqvision.data.sequences.batches import SequenceBatch
from seqvision.encoders.base import encoder_of
from seqvision.figures import confusion_figure, source_image
from seqvision.losses import SequenceClassCrossEntropy, WeightedLoss
from seqvision.metrics.classification import classification_scores
from seqvision.models import SequenceClassifier
from seqvision.tasks.base import Task
from seqvision.tasks.parts import fitting


class Classification(Task):
    """Trains on the sequences whose class is known; validates by accuracy, macro F1 and calibration, in percent.

    classes: their names. counts: how many training sequences each has, for a loss that balances them.
    top_k: of the accuracy that forgives, where there are more classes than that.
    """

    model: SequenceClassifier

    def __init__(
        self,
        model: SequenceClassifier,
        *,
        classes: tuple[str, ...],
        loss: Any,
        multilabel: bool = False,
        counts: Tensor | None = None,
        top_k: int = 5,
        encoder_lr_factor: float = 1.0,
        **settings: Any,
    ):
        slow = encoder_of(model) or model.front
        super().__init__(model, slow=slow, slow_factor=encoder_lr_factor, **settings)
        self.classes = classes
        self.class_loss = fitting(loss, (SequenceClassCrossEntropy,), group="loss", choices="classes or loss=hinge")
        if isinstance(self.class_loss, WeightedLoss):
            self.class_loss.set_classes(classes)
        if counts is not None:
            self.class_loss.balance(counts)
        self.top_k = top_k
        forgiving = [f"val/top_{top_k}"] if top_k < len(classes) else []
        self.logged = ("val/accuracy", "val/macro_f1", "val/calibration_error", "val/cross_entropy", "val/loss",
                       *forgiving)  # fmt: skip
        self._validation: list[tuple[list[str], Tensor, Tensor]] = []
        self._validation_loss: list[tuple[float, float]] = []
        self._found: dict[str, np.ndarray] = {}
        self._confusion = np.zeros((len(classes), len(classes)), int)

    def new_optimizer(self) -> Optimizer:
        optimizer = super().new_optimizer()
        for group in optimizer.param_groups:
            group["lr"] *= getattr(getattr(self.model, "wide", None), "network_rate", 1.0)
        return optimizer

    def loss(self, batch: SequenceBatch) -> tuple[Tensor, Tensor]:
        assert batch.classes is not None
        loss: tuple[Tensor, Tensor] = self.class_loss(self._scores(batch), batch.classes)
        return loss

    def _scores(self, batch: SequenceBatch) -> Tensor:
        scores: Tensor = self.model(batch.frames, batch.lengths, batch.valid)
        return scores

    def chance(self, batch: SequenceBatch) -> tuple[Tensor, Tensor]:
        assert batch.classes is not None
        alike = torch.zeros(len(batch.classes), len(self.classes), device=batch.classes.device)
        loss: tuple[Tensor, Tensor] = self.class_loss(alike, batch.classes)
        return loss

    def on_validation_epoch_start(self) -> None:
        self._validation, self._validation_loss = [], []

    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        assert batch.classes is not None
        logits = self._scores(batch)
        loss, count = self.class_loss(logits, batch.classes)
        self._validation_loss.append((float(loss), float(count)))
        known = batch.classes >= 0
        ids = [id for id, one in zip(batch.ids, known.tolist(), strict=True) if one]
        self._validation.append((ids, logits[known].float().softmax(dim=-1).cpu(), batch.classes[known].cpu()))

    def on_validation_epoch_end(self) -> None:
        parts = self.gather(self._validation)
        self.log_mean("val/loss", self._validation_loss)
        probabilities, truth = (torch.cat([part[place] for part in parts]).numpy() for place in (1, 2))
        self._found = {id: row for part in parts for id, row in zip(part[0], part[1].numpy(), strict=True)}
        scores = classification_scores(probabilities, truth, classes=self.classes, top=(self.top_k,))
        for name, value in scores.corpus.items():
            self.log(f"val/{name}", value, prog_bar=name == "accuracy")
        self._confusion = scores.confusion

    def validation_samples(self, count: int) -> list[Sample]:
        """Items with their classes and the network's, and the confusion matrix."""
        reader = self.trainer.datamodule.reader  # type: ignore[attr-defined]
        rows: list[tuple[Cell, ...]] = []
        for record in self.validation_records(count):
            if record.id in self._found:
                row = self._found[record.id]
                shown = record.source if isinstance(record.source, str) else source_image(reader, record)
                said = self.classes[row.argmax()]
                rows.append((shown, record.id, record.label, said, float(row.max()), said == record.label))
        table = Table("predictions", ("input", "id", "true", "predicted", "probability", "correct"), rows)
        return [table, Plot("confusion", confusion_figure(self._confusion, self.classes))]
