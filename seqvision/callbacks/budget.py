"""So much of the processor's time, and no more."""

import time
from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from seqvision.errors import UserError


class ProcessorTime(Callback):
    """Ends training when its steps have taken `seconds` of the processor's time, all cores added up: on a machine that
    others use too, the same work for every network, as `trainer.max_time` by the clock is not. What validation takes
    does not count. It then validates, and checkpoints are kept, as at an epoch's end.

    fall: over so much of the time, at its end, the learning rate comes down to nothing in a straight line, on top of
    what its schedule does, which counts steps and cannot know how many there will be. The schedule's rate is logged.

    Time that other processes take, those that read data among them, or a GPU, is not seen: it is meant for data in
    memory on a CPU.
    """

    def __init__(self, seconds: float | int, fall: float | int = 0.0):
        if not seconds > 0:
            raise UserError(f"callbacks.time.seconds is {seconds}; expected the seconds that training may take")
        if not 0 <= fall <= 1:
            raise UserError(f"callbacks.time.fall is {fall}; expected a share of the time, from 0 to 1")
        self.seconds = seconds
        self.fall = fall
        self.spent = 0.0
        self._mark = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._mark = time.process_time()
        if self.fall:
            for optimizer in trainer.optimizers:
                _scale_steps(optimizer, lambda: min(1.0, (1 - self.spent / self.seconds) / self.fall))

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


def _scale_steps(optimizer: Optimizer, factor: Callable[[], float]) -> None:
    """Every step from now on is made at the rate of its schedule times a factor; schedules see their own rate only."""
    rates: list[Any] = []

    def before(*_: Any) -> None:
        rates[:] = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * max(0.0, factor())

    def after(*_: Any) -> None:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)
