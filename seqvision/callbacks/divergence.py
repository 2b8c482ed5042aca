"""An end to a training that has nothing more to learn from."""

import math
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from seqvision.errors import UserError
from seqvision.wording import counted


class Diverged(UserError):
    """The loss is not a number any more. steps: that were made; steps_per_epoch: that make an epoch."""

    def __init__(self, steps: int, steps_per_epoch: int | float):
        self.steps, self.steps_per_epoch = steps, steps_per_epoch
        super().__init__(f"the loss is not a finite number after {counted(steps, 'step')}; try a smaller optimizer.lr")


class StopOnDivergence(Callback):
    """Ends training with `Diverged` where the loss is not finite. Looks every so many batches: each look waits for the
    device.
    """

    def __init__(self, every_n_batches: int = 10):
        self.every_n_batches = every_n_batches

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % self.every_n_batches == 0 or trainer.is_last_batch:
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            if loss is not None and not math.isfinite(float(loss)):
                raise Diverged(trainer.global_step, steps_per_epoch(trainer))


def steps_per_epoch(trainer: Trainer) -> float:
    """How many steps of the optimiser make an epoch."""
    return trainer.num_training_batches / trainer.accumulate_grad_batches
