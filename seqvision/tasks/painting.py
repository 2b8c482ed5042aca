"""Painting pictures: the variational bound, in nats."""

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seqvision.callbacks.samples import Plot, Sample, Table
from seqvision.data.binarise import Binarise, binarised, own_noise
from seqvision.data.labelled.batches import PictureBatch
from seqvision.figures.canvases import Painted, as_colours, growth_grid, painted, picture_grid
from seqvision.models.painter import Painter
from seqvision.tasks.base import Task

MOST_CANVASES = 8


class Painting(Task):
    """Trains a painter on the variational bound; validates by it, in nats on the whole picture.

    binarise: "sampled" zeros and ones, drawn anew every time a picture is trained on and fixed by its name in
    validation; "threshold"; "none": the grey levels as they are. See `seqvision.data.binarise`, and `Pixels` for what
        nats are then of.
    mean_start: the first canvas begins as the mean of the first batch.

    Logs `val/nats`, minus the bound; its parts `val/reconstruction`, minus the log-likelihood, and `val/kl`.
    """

    model: Painter
    logged = ("val/nats", "val/reconstruction", "val/kl")

    def __init__(
        self,
        model: Painter,
        *,
        symbols: Any = None,
        binarise: Binarise = "sampled",
        mean_start: bool = True,
        **settings: Any,
    ):
        model.pixels.expect(binarise)
        super().__init__(model, **settings)
        self.binarise: Binarise = binarise
        self.mean_start = mean_start
        self._validation: list[tuple[float, float, int]] = []

    def loss(self, batch: PictureBatch) -> tuple[Tensor, Tensor]:
        nats = self.model(binarised(batch.images, self.binarise), batch.labels[:, 0]).nats
        return nats.sum(), torch.full((), len(nats), device=nats.device)

    def chance(self, batch: PictureBatch) -> tuple[Tensor, Tensor]:
        pictures = binarised(batch.images, self.binarise)
        mean = self.model.pixels.canvas(batch.images.float().mean(dim=0) / 255)
        nats = -self.model.pixels.log_likelihood(pictures, mean.expand_as(pictures))
        return nats.sum(), torch.full((), len(nats), device=nats.device)

    def floor(self, batch: PictureBatch) -> float:
        pictures = binarised(batch.images, self.binarise)
        own = -self.model.pixels.log_likelihood(pictures, self.model.pixels.canvas(pictures))
        return float(own.mean()) + math.log(len(pictures))  # which of them it is has to be said

    def steady(self) -> None:
        super().steady()
        if self.binarise == "sampled":
            self.binarise = "threshold"

    def on_train_batch_start(self, batch: PictureBatch, batch_idx: int) -> None:
        # where all zeros still stand: neither after a start from other weights, nor in a run that is resumed
        if self.mean_start and batch_idx == 0 and not self.model.start.any():
            mean = self.trainer.strategy.reduce(batch.images.float().mean(dim=0) / 255, reduce_op="mean")
            assert isinstance(mean, Tensor)
            self.model.begin_at(mean)

    def on_validation_epoch_start(self) -> None:
        self._validation = []

    def validation_step(self, batch: PictureBatch, batch_idx: int) -> None:
        pictures = binarised(batch.images, self.binarise, ids=batch.ids)
        noise = own_noise(batch.ids, self.model.steps, self.model.latent_size).to(pictures)
        bound = self.model(pictures, batch.labels[:, 0], noise=noise)
        self._validation.append((-float(bound.log_likelihood.sum()), float(bound.kl.sum()), len(pictures)))

    def on_validation_epoch_end(self) -> None:
        self.log_mean("val/nats", [(error + kl, count) for error, kl, count in self._validation])
        self.log_mean("val/reconstruction", [(error, count) for error, _, count in self._validation])
        self.log_mean("val/kl", [(kl, count) for _, kl, count in self._validation])

    @torch.no_grad()
    def validation_samples(self, count: int) -> list[Sample]:
        """Images reconstructed, canvas by canvas, and new ones, always of the same latent numbers."""
        batch = self.validation_batch(min(count, MOST_CANVASES))
        shown = binarised(batch.images, self.binarise, ids=batch.ids).to(self.device)
        _, drawing = self.model.reconstruct(shown, batch.labels[:, 0], keep=True)
        again, first = painted(self.model, drawing), as_colours(shown)
        rows = [(_row(again, place, first[place]), id) for place, id in enumerate(batch.ids)]
        labels = None
        if self.model.classes:
            labels = torch.arange(count, device=self.device) % self.model.classes
        new = painted(
            self.model, self.model.sample(count, labels, generator=torch.Generator().manual_seed(self.seed), keep=True)
        )
        grown = [(_row(new, place), f"sample {place}") for place in range(min(count, MOST_CANVASES))]
        return [
            Table("reconstructions", ("canvases", "id"), rows),
            Table("canvases", ("canvases", "id"), grown),
            Plot("samples", picture_grid(new.pictures)),
        ]


def _row(found: Painted, place: int, first: np.ndarray | None = None) -> Image.Image:
    """One image's canvases after each step, behind the image that was to be reconstructed."""
    boxes = None if found.boxes is None else found.boxes[place : place + 1]
    return growth_grid(found.growth[place : place + 1], boxes, first=None if first is None else first[None])
