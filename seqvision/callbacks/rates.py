"""The learning rates, as curves."""

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer

from seqvision.callbacks.observer import Observer


class LearningRates(Observer):
    """Logs the rate of each step as `lr-<optimizer>`, with `/pg1`, `/pg2`, … where groups of weights have their own.

    As Lightning's `LearningRateMonitor`, which copies each rate to the device and waits for that.
    """

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        for optimizer in trainer.optimizers:
            name, groups = f"lr-{type(optimizer).__name__}", optimizer.param_groups
            for number, group in enumerate(groups, start=1):
                full = f"{name}/pg{number}" if len(groups) > 1 else name
                pl_module.log(full, torch.tensor(float(group["lr"])), on_step=True, on_epoch=False)
