"""A point walking down a surface: what optimisers do, where one can see it."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqvision.callbacks.samples import Plot, Sample
from seqvision.data.pulls import PullBatch
from seqvision.figures import path_figure
from seqvision.models.surfaces import Walker
from seqvision.tasks.base import Task


class Descent(Task):
    """Trains a point of two weights. Its place before every step is logged as `train/x` and `train/y`, the surface's
    height there as `train/height`; validation logs `val/x`, `val/y`, `val/height` and `val/distance`, to the nearest
    minimum.
    """

    model: Walker
    logged = ("val/distance", "val/x", "val/y", "val/height")

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self._path: list[list[float]] = []

    def loss(self, batch: PullBatch) -> tuple[Tensor, Tensor]:
        heights = self.model(batch.pulls)
        return heights.sum(), torch.full((), len(heights), device=heights.device)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # here, not where the loss is computed: a line search computes many at places where the point never stands
        self._path.append(self.model.point.tolist())
        for name, value in self._place().items():
            self.log(f"train/{name}", value, on_step=True, on_epoch=False)

    def validation_step(self, batch: PullBatch, batch_idx: int) -> None:
        point = self.model.point.detach()
        minima = point.new_tensor(self.model.surface.minima)  # type: ignore[attr-defined]
        self.log("val/distance", (minima - point).norm(dim=1).min(), prog_bar=True, batch_size=1, sync_dist=True)
        for name, value in self._place().items():
            self.log(f"val/{name}", value, prog_bar=name == "height", batch_size=1, sync_dist=True)

    def validation_samples(self, count: int) -> list[Sample]:
        """The path on the surface, since the training began or was resumed."""
        path = np.array([*self._path, self.model.point.tolist()])
        return [Plot("path", path_figure(path[np.isfinite(path).all(axis=1)], self.model.surface))]

    @torch.no_grad()
    def _place(self) -> dict[str, Tensor]:
        """Where the point is, and how high."""
        point = self.model.point.detach().clone()
        return {"x": point[0], "y": point[1], "height": self.model.surface(point)}
