"""The time that training has taken so far, as a curve."""

import time
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer

from seqvision.callbacks.observer import Observer


class Clock(Observer):
    """Logs `seconds` since training began, so that other curves can be drawn over time; without the time between the
    parts of a run that was resumed.
    """

    def __init__(self) -> None:
        self.before = 0.0
        self.begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.begun

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.begun = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        # of the host's memory: a plain number would be copied to the device, which waits
        pl_module.log("seconds", torch.tensor(self.seconds), on_step=True, on_epoch=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.log("seconds", torch.tensor(self.seconds))

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.before = state_dict["seconds"]
