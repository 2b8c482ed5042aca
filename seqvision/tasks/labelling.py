"""Labels for every frame: many to many, in step."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqvision.callbacks.samples import Cell, Plot, Sample, Table
from seqvision.data.sequences.batches import SequenceBatch
from seqvision.decoding import TunedLabelPath, with_features
from seqvision.devices import to_device
from seqvision.encoders.base import encoder_of
from seqvision.errors import UserError
from seqvision.figures import confusion_figure, multilabel_rows, timeline_figure
from seqvision.losses import FrameBinaryCrossEntropy, FrameCrossEntropy, FrameLoss, WeightedLoss
from seqvision.metrics.frames import FrameScores, Protocol, frame_scores
from seqvision.metrics.multilabel import choose_thresholds, multilabel_scores
from seqvision.models import FrameLabeller
from seqvision.models.sequences import RecurrentState
from seqvision.names import Name
from seqvision.rnn import detach, map_state
from seqvision.tasks.base import Task
from seqvision.tasks.parts import fitting

MOST_TIMELINES = 8


class Labelling(Task):
    """Trains on the frames that have a label; validates by frames and by segments, in percent.

    classes: their names. counts: how often each occurs in training, for a loss that balances them.
    loss: `FrameLoss`, or `FrameCrossEntropy` or `FrameBinaryCrossEntropy` for what it would choose itself.
    protocol, background: of the segments' scores, as in `frame_scores`.
    decoder: chooses the labels from the probabilities; None: the likeliest of each frame. followers: of the labels in
        training, as `count_followers` gives them, which the decoder makes use of.

    Where the data cut sequences in windows, a forward-only network's state is carried from one window to the next of
    the same sequence, without its history: truncated back-propagation through time (Williams and Peng, 1990).

    Validation logs `val/score`, by which the best epoch is chosen: the mean of accuracy, edit and F1@25, with several
    labels a frame the macro F1 at the thresholds that validation chose. The thresholds, or what the decoder was tuned
    to, go into the checkpoint.
    """

    model: FrameLabeller

    def __init__(
        self,
        model: FrameLabeller,
        *,
        classes: Sequence[str],
        loss: Any,
        multilabel: bool = False,
        counts: Tensor | None = None,
        decoder: Any = None,
        followers: np.ndarray | None = None,
        protocol: Protocol = "mstcn",
        background: Collection[Name] = (),
        encoder_lr_factor: float = 1.0,
        **settings: Any,
    ):
        slow = encoder_of(model) or model.front
        super().__init__(model, slow=slow, slow_factor=encoder_lr_factor, **settings)
        self.classes = tuple(classes)
        kinds = (FrameLoss, FrameCrossEntropy, FrameBinaryCrossEntropy)
        self.frame_loss = fitting(loss, kinds, group="loss", choices="frames or loss=frame_hinge")
        if isinstance(self.frame_loss, FrameLoss | WeightedLoss):
            self.frame_loss.set_classes(self.classes)
        if counts is not None:
            self.frame_loss.balance(counts)
        if decoder is not None:
            fitting(decoder, (TunedLabelPath,), group="decoding", choices="label_path or decoding=none")
        if decoder is not None and (multilabel or followers is None):
            raise UserError("decoding=label_path is for one label a frame; with several set decoding=none")
        self.multilabel = multilabel
        of_several = ("mean_average_precision", "micro_f1")
        of_one = ("edit", "f1@10", "f1@25", "f1@50")
        names = ("score", "accuracy", "macro_f1", "loss", *(of_several if multilabel else of_one))
        self.logged = tuple(f"val/{name}" for name in names)
        self.decoder, self.followers = decoder, followers
        self.protocol: Protocol = protocol
        self.background = tuple(background)
        self._carried: _Carried | None = None
        self._validation: list[tuple[str, np.ndarray, np.ndarray, np.ndarray | None]] = []
        self._validation_loss: list[tuple[float, float]] = []
        self._timelines: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._confusion = np.zeros((len(classes), len(classes)), int)

    def loss(self, batch: SequenceBatch) -> tuple[Tensor, Tensor]:
        assert batch.labels is not None
        state = self._state_before(batch)
        logits, state = self.model(batch.frames, batch.lengths, state, valid=batch.valid)
        if self.model.forward_only and state:
            self._carried = _Carried(batch.ids, batch.stops, detach(state))
        loss: tuple[Tensor, Tensor] = self.frame_loss(logits, batch.labels, batch.lengths)
        return loss

    def judged(self, batch: SequenceBatch) -> tuple[Tensor, Tensor]:
        assert batch.labels is not None
        loss: tuple[Tensor, Tensor] = self.frame_loss(
            self.model(batch.frames, batch.lengths, valid=batch.valid)[0], batch.labels, batch.lengths
        )
        return loss

    def chance(self, batch: SequenceBatch) -> tuple[Tensor, Tensor]:
        assert batch.labels is not None
        alike = torch.zeros(*batch.labels.shape[:2], len(self.classes), device=batch.labels.device)
        loss: tuple[Tensor, Tensor] = self.frame_loss(alike, batch.labels, batch.lengths)
        return loss

    def _state_before(self, batch: SequenceBatch) -> RecurrentState | None:
        """The state behind the last window of the sequences that go on in this batch, zeros for the others."""
        before = self._carried
        if before is None or len(before.ids) < len(batch) or not any(batch.starts):
            return None
        rows = zip(batch.ids, batch.starts, before.ids, before.stops, strict=False)
        on = torch.tensor([id == old and start == stop for id, start, old, stop in rows])
        goes_on = to_device(on, batch.frames.device)
        state: RecurrentState = map_state(
            lambda part: torch.where(
                goes_on.view(-1, *[1] * (part.dim() - 1)), part[: len(batch)].to(goes_on.device), 0.0
            ),
            before.state,
        )
        return state

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        carried = self._carried
        shares = self.gather([carried and (carried.ids, carried.stops, map_state(Tensor.cpu, carried.state))])
        if all(shares):  # every rank's rows: each goes on with its own
            checkpoint["carried"] = shares

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        shares = checkpoint.get("carried", [])
        # with another number of processes other sequences meet in a batch: every state begins anew
        if len(shares) == self.trainer.world_size:
            self._carried = _Carried(*shares[self.trainer.global_rank])

    def on_validation_epoch_start(self) -> None:
        self._validation, self._validation_loss = [], []

    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        assert batch.labels is not None
        logits, _ = self.model(batch.frames, batch.lengths, valid=batch.valid)
        loss, count = self.frame_loss(logits, batch.labels, batch.lengths)
        self._validation_loss.append((float(loss), float(count)))
        scores = (logits.float().sigmoid() if self.multilabel else logits.float().softmax(dim=-1)).cpu().numpy()
        labels, lengths = batch.labels.cpu().numpy(), [b - a for a, b in zip(batch.starts, batch.stops, strict=True)]
        own = None
        if self.decoder is not None and batch.frames.shape[2:] == scores.shape[2:]:  # maybe a classifier's scores
            own = batch.frames.float().cpu().numpy()
        self._validation += [
            (id, scores[row, :length], labels[row, :length], None if own is None else own[row, :length])
            for row, (id, length) in enumerate(zip(batch.ids, lengths, strict=True))
        ]

    def on_validation_epoch_end(self) -> None:
        self.log_mean("val/loss", self._validation_loss)
        ids, *columns = zip(*self.gather(self._validation), strict=True)
        probabilities, truth, features = (list(column) for column in columns)
        if self.multilabel:
            decided, scores = self._multilabel(probabilities, truth)
        else:
            decided = self._decided(probabilities, truth, None if any(f is None for f in features) else features)
            found = self._frame_scores(decided, truth)
            scores = {**found.corpus, "score": found.deciding}
            self._confusion = found.confusion
        self._timelines = dict(zip(ids, zip(truth, decided, strict=True), strict=True))
        for name, value in scores.items():
            self.log(f"val/{name}", value, prog_bar=name in ("score", "accuracy"))

    def _frame_scores(self, decided: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> FrameScores:
        return frame_scores(decided, truth, classes=self.classes, background=self.background, protocol=self.protocol)

    def _decided(
        self, probabilities: list[np.ndarray], truth: list[np.ndarray], features: list[np.ndarray] | None
    ) -> list[np.ndarray]:
        """The labels of each sequence's frames: the likeliest, or those of the decoder, which is tuned first."""
        if self.decoder is None:
            return [p.argmax(axis=1) for p in probabilities]
        assert self.followers is not None

        def score(labels: list[np.ndarray]) -> float:
            return self._frame_scores(labels, truth).deciding

        path = self.decoder(probabilities, self.followers, score, features=features)
        self.contents["label_path"] = path.settings()
        if features is not None:
            probabilities = [with_features(p, f, path.features) for p, f in zip(probabilities, features, strict=True)]
        return path.paths(probabilities)

    def _multilabel(
        self, probabilities: list[np.ndarray], truth: list[np.ndarray]
    ) -> tuple[list[np.ndarray], dict[str, float]]:
        """Which labels each frame has, at thresholds that are chosen first, and the scores."""
        thresholds = choose_thresholds(probabilities, truth)
        self.contents["thresholds"] = [float(value) for value in thresholds]
        corpus = multilabel_scores(probabilities, truth, classes=self.classes, thresholds=thresholds).corpus
        return [(p >= thresholds).astype(int) for p in probabilities], {**corpus, "score": corpus["macro_f1"]}

    def validation_samples(self, count: int) -> list[Sample]:
        """Timelines of recordings, truth and prediction, and the confusion matrix of their frames."""
        reader = self.trainer.datamodule.reader  # type: ignore[attr-defined]
        rows: list[tuple[Cell, ...]] = []
        for record in self.validation_records(min(count, MOST_TIMELINES)):
            if record.id not in self._timelines:
                continue
            truth, decided = self._timelines[record.id]
            shown, classes, background = {"truth": truth, "prediction": decided}, self.classes, "background"
            if self.multilabel:
                shown, classes, background = multilabel_rows(truth, decided, self.classes)
            figure = timeline_figure(
                shown, classes, frames_per_second=reader.rate(record.source), title=record.id, background=background
            )
            known = truth >= 0
            accuracy = 100 * float((truth == decided)[known].mean()) if known.any() else None
            rows.append((figure, record.id, len(truth), accuracy))
        timelines = Table("timelines", ("timeline", "id", "frames", "accuracy"), rows)
        if self.multilabel:
            return [timelines]
        return [timelines, Plot("confusion", confusion_figure(self._confusion, self.classes))]


class _Carried:
    """What the last training batch left: where each of its sequences stopped, and in which state."""

    def __init__(self, ids: list[str], stops: list[int], state: RecurrentState):
        self.ids, self.stops, self.state = ids, stops, state
