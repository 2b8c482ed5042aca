"""A running average of the weights, for validation and use."""

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import EMAWeightAveraging
from torch import Tensor

from seqvision.errors import UserError


class AveragedWeights(EMAWeightAveraging):
    """The average a ← decay · a + (1 − decay) · w after every step, from the first step's weights on (Polyak and
    Juditsky, 1992, with weights that fade), is what is validated, tested and saved as a checkpoint's weights; training
    goes on with w, which checkpoints keep beside it.

    Lightning's, with three differences: the average lies where the model will be trained, and not where it was built;
    what counts, indexes or masks is copied and not averaged; what never changes stays the same to the last bit.
    """

    def __init__(self, decay: int | float = 0.995):
        if not 0 <= decay < 1:
            raise UserError(
                f"callbacks.average.decay is {decay}; expected 0 or more and below 1; 0.995 averages some 200 steps"
            )
        super().__init__(decay=decay)

        @torch.no_grad()
        def average(mean: Tensor, new: Tensor, number: Tensor | int) -> Tensor:
            return mean.lerp(new, 1 - decay) if mean.is_floating_point() else new

        self._kwargs["avg_fn"] = average

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._device = trainer.strategy.root_device  # the model itself is moved there only later
        super().setup(trainer, pl_module, stage)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if "current_model_state" not in checkpoint:
            raise UserError(
                "callbacks=ema: the checkpoint to resume from was written without an average; go on without it, or "
                "begin a new run with start_from=…"
            )
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
