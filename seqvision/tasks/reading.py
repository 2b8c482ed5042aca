"""Reading pictures by looks: the classes' loss trains what is seen, REINFORCE where to look."""

from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.callbacks.samples import Cell, Plot, Sample, Table
from seqvision.data.labelled.batches import PictureBatch
from seqvision.data.labelled.symbols import written
from seqvision.errors import expect_counts
from seqvision.figures import confusion_figure
from seqvision.figures.looks import as_picture, boxes_of, path_picture
from seqvision.losses.reinforce import reinforce, returns_of
from seqvision.metrics.looks import read_rightly, stopping_table
from seqvision.models.reader import GlimpseReader, Reader, Reading
from seqvision.tasks.base import Task

Reward = Literal["right", "log_p"]
RewardAt = Literal["end", "every_look"]
WORST = -3.0  # nats; a reward of log p goes no lower, or a few strange pictures would lead the policy


class GlimpseReading(Task):
    """Trains a reader on its labels; validates by reading at the mean of each place.

    The loss of a picture is the cross-entropy of its symbols, each by the scores after the last look that is meant for
    it, plus `policy_weight` times the policy's, plus the baselines' (Mnih et al., 2014, section 3; with several symbols
    Ba, Mnih and Kavukcuoglu, 2015, equations 9 to 12).

    reward: of a symbol: "right", 1 if it is read rightly and 0 if not; or "log_p", the log-probability of what is
        there, which tells a sure answer from a lucky one (the variational bound's own).
    reward_at: all of it when the symbol is read ("end"), or at every look what that look added ("every_look").
    every_look: the weight of the cross-entropy of the scores after each of the other looks, so that the reader knows
        before the end what it sees and can stop early.
    samples: paths drawn for each picture, whose gradients are averaged.
    discount: of rewards for symbols that come later: by how much for each symbol between. One symbol's looks share it.
    policy_lr_factor: the rate of what stands before the locator and learns by the policy alone (DRAM's upper recurrence
        and context), over the others': its gradients are mostly noise, of which an adaptive optimiser makes full steps.

    Validation logs `val/accuracy`, labels that are right as a whole, in percent; `val/symbols`, symbols by
    edit distance (see `read_rightly`); `val/loss`.
    """

    model: Reader
    logged = ("val/accuracy", "val/symbols", "val/loss")

    def __init__(
        self,
        model: Reader,
        *,
        symbols: Any,
        reward: Reward = "log_p",
        reward_at: RewardAt = "end",
        every_look: int | float = 1.0,
        policy_weight: int | float = 1.0,
        samples: int = 1,
        discount: int | float = 1.0,
        policy_lr_factor: int | float = 0.1,
        **settings: Any,
    ):
        expect_counts(samples=samples)
        led = nn.ModuleList(model.led()) if isinstance(model, GlimpseReader) else None
        super().__init__(model, slow=led, slow_factor=policy_lr_factor, **settings)
        self.symbols = symbols
        self.reward: Reward = reward
        self.reward_at: RewardAt = reward_at
        self.every_look, self.policy_weight = every_look, policy_weight
        self.samples, self.discount = samples, discount
        self._validation: list[tuple[float, int, int, int, int]] = []
        self._looks: list[tuple[np.ndarray, np.ndarray]] = []
        self._answers: dict[str, tuple[list[str], float, np.ndarray]] = {}  # symbols, probability, places of the looks
        self._confusion = np.zeros((len(symbols.names), len(symbols.names)), int)

    def loss(self, batch: PictureBatch) -> tuple[Tensor, Tensor]:
        images, sizes = batch.images, batch.sizes
        labels = padded(batch.labels, self.model.objects)
        if self.samples > 1:
            images, sizes, labels = (each.repeat_interleave(self.samples, 0) for each in (images, sizes, labels))
        reading = self.model(images, sizes, sample=True)
        total = classes_loss(reading, labels, self.model.looks, self.every_look)
        if self.model.policy == "learnt":
            earned = rewards(reading, labels, self.model.looks, self.reward, self.reward_at)
            returns = returns_of(earned, self.discount, every=self.model.looks)
            valid = (labels >= 0).repeat_interleave(self.model.looks, 1)
            policy, baseline = reinforce(reading.log_p, returns, reading.baselines, valid)
            total = total + self.policy_weight * policy + baseline
        with torch.no_grad():
            self.besides = (total - classes_loss(reading, labels, self.model.looks, 0.0)) / self.samples
        return total / self.samples, (labels[:, 0] >= 0).sum() / self.samples

    def judged(self, batch: PictureBatch) -> tuple[Tensor, Tensor]:
        return self._classes_alone(batch, self.model(batch.images, batch.sizes))

    def chance(self, batch: PictureBatch) -> tuple[Tensor, Tensor]:
        looks = self.model.looks * self.model.objects
        alike = torch.zeros(len(batch), looks, self.model.classes, device=batch.images.device)
        return self._classes_alone(batch, Reading(alike, *[alike[..., 0]] * 3))

    def _classes_alone(self, batch: PictureBatch, reading: Reading) -> tuple[Tensor, Tensor]:
        """The classes' loss by the scores of a reading, and the number of pictures with a label."""
        labels = padded(batch.labels, self.model.objects)
        return classes_loss(reading, labels, self.model.looks, self.every_look), (labels[:, 0] >= 0).sum()

    def on_validation_epoch_start(self) -> None:
        self._validation, self._looks, self._answers = [], [], {}
        self._confusion[:] = 0

    def validation_step(self, batch: PictureBatch, batch_idx: int) -> None:
        reading = self.model(batch.images, batch.sizes)
        labels = padded(batch.labels, self.model.objects)
        loss = classes_loss(reading, labels, self.model.looks, 0.0)
        known = labels[:, 0] >= 0
        sure, guesses = last_looks(reading, self.model.looks).float().softmax(dim=-1).max(dim=-1)
        answers = [self.symbols.decode(row) for row in guesses.tolist()]
        for id, answer, each, places in zip(batch.ids, answers, sure.cpu(), reading.places.cpu().numpy(), strict=True):
            self._answers[id] = answer, float(each[: len(answer) + self.symbols.several].prod()), places
        found, truth = ([self.symbols.decode(row) for row in each[known].tolist()] for each in (guesses, labels))
        for answer, true in zip(found, truth, strict=True):
            for said, name in zip(answer, true, strict=False):
                self._confusion[self.symbols.places[name], self.symbols.places[said]] += 1
        whole, right, number = (int(each.sum()) for each in read_rightly(found, truth))
        self._validation.append((float(loss), whole, len(truth), right, number))
        if self.model.objects == 1:
            sure, guess = reading.logits[known].float().softmax(dim=-1).max(dim=-1)
            self._looks.append((sure.cpu().numpy(), (guess == labels[known]).cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
        self.log_mean("val/loss", [(loss, count) for loss, _, count, _, _ in self._validation])
        self.log_mean("val/accuracy", [(100 * right, count) for _, right, count, _, _ in self._validation])
        parts = self.gather(self._looks)
        if parts:
            sure, right = (np.concatenate(column) for column in zip(*parts, strict=True))
            self.contents["stopping"] = [list(entry) for entry in stopping_table(sure, right)]
        self.log_mean("val/symbols", [(100 * right, count) for _, _, _, right, count in self._validation])
        self._answers = dict(self.gather(list(self._answers.items())))
        self._confusion = np.sum(self.gather([self._confusion]), axis=0)

    def validation_samples(self, count: int) -> list[Sample]:
        """Images with the path of glimpses, their labels and the network's, and the confusion matrix of the symbols."""
        records, batch = self.validation_records(count), self.validation_batch(count)
        rows: list[tuple[Cell, ...]] = []
        for record, pixels, (height, width) in zip(records, batch.images, batch.sizes.tolist(), strict=True):
            if record.id in self._answers:
                answer, probability, places = self._answers[record.id]
                image = as_picture(pixels[:, :height, :width])
                path = path_picture(image, boxes_of(self.model.sensor, places, image.size))
                rows.append((path, record.id, record.label, written(answer, self.symbols.names), probability))
        table = Table("glimpses", ("path", "id", "true", "predicted", "probability"), rows)
        return [table, Plot("confusion", confusion_figure(self._confusion, self.symbols.names))]


def padded(labels: Int[Tensor, "batch symbols"], objects: int) -> Int[Tensor, "batch objects"]:
    """The labels as wide as a network reads, −1 behind each."""
    return F.pad(labels, (0, objects - labels.shape[1]), value=-1)


def last_looks(reading: Reading, looks: int) -> Float[Tensor, "batch objects classes"]:
    """The scores after the last of each symbol's looks."""
    return reading.logits[:, looks - 1 :: looks]


def classes_loss(
    reading: Reading, labels: Int[Tensor, "batch objects"], looks: int, every_look: int | float
) -> Float[Tensor, ""]:
    """The cross-entropy of all symbols, summed, and `every_look` times the mean of that after the looks before."""
    scores = reading.logits.unflatten(1, (-1, looks)).float()
    targets = labels.unsqueeze(2).expand(*scores.shape[:3])
    each = F.cross_entropy(scores.flatten(0, 2), targets.flatten(), ignore_index=-1, reduction="none").view_as(targets)
    total: Tensor = each[:, :, -1].sum()
    if every_look and looks > 1:
        total = total + every_look * each[:, :, :-1].mean(dim=2).sum()
    return total


@torch.no_grad()
def rewards(
    reading: Reading, labels: Int[Tensor, "batch objects"], looks: int, kind: Reward, at: RewardAt
) -> Float[Tensor, "batch looks"]:
    """What each look earns; behind a label's end nothing."""
    scores = reading.logits.unflatten(1, (-1, looks)).float()
    if kind == "right":
        earned = (scores.argmax(dim=-1) == labels.unsqueeze(2)).float()
    else:
        places = labels.clamp(min=0)[:, :, None, None].expand(*scores.shape[:3], 1)
        earned = scores.log_softmax(dim=-1).gather(3, places).squeeze(3).clamp(min=WORST)
    earned = earned.masked_fill(labels.unsqueeze(2) < 0, 0.0)
    if at == "end":
        earned[:, :, :-1] = 0.0
    else:
        earned[:, :, 1:] -= earned[:, :, :-1].clone()
    return earned.flatten(1)
