"""So much of the processor's time, and no more."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from seqvision.errors import UserError


class ProcessorTime(Callback):
    """Ends training when its steps have taken `seconds` of the processor's time, all cores added up: on a machine that
    others use too, the same work for every network, as `trainer.max_time` by the clock is not. What validation takes
    does not count. It then validates, and checkpoints are kept, as at an epoch's end.

    Time that other processes take, those that read data among them, or a GPU, is not seen: it is meant for data in
    memory on a CPU.
    """

    def __init__(self, seconds: float | int):
        if not seconds > 0:
            raise UserError(f"callbacks.time.seconds is {seconds}; expected the seconds that training may take")
        self.seconds = seconds
        self.spent = 0.0
        self._mark = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._mark = time.process_time()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._mark = time.process_time()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        now = time.process_time()
        self.spent, self._mark = self.spent + now - self._mark, now
        if self.spent >= self.seconds:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"spent": self.spent}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.spent = state_dict["spent"]
