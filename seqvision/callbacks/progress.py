"""The progress bar: rich on a terminal, a plain line an epoch elsewhere."""

import sys
import time
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, ProgressBar, RichProgressBar


class TrainingLosses:
    """What a step of training was worth, as numbers by their names; read at most every `seconds`, for each look waits
    for the device. Logged with `prog_bar=True` they would be read every step.
    """

    NAMES = ("train/loss", "train/reward")

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.read_at = -seconds
        self.found: dict[str, float] = {}

    def __call__(self, trainer: Trainer) -> dict[str, float]:
        if time.monotonic() - self.read_at >= self.seconds:
            metrics = trainer.callback_metrics
            self.found = {name: float(metrics[name]) for name in self.NAMES if name in metrics}
            self.read_at = time.monotonic()
        return self.found


class Bar(RichProgressBar):
    """Lightning's bar, with the training losses."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self.losses = TrainingLosses(seconds=0.5)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        return {**self.losses(trainer), **super().get_metrics(trainer, pl_module)}


class EpochLines(ProgressBar):
    """One line an epoch, for logs and pipes."""

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self.losses = TrainingLosses(seconds=0.0)

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._enabled and trainer.is_global_zero:
            found = {**self.losses(trainer), **self.get_metrics(trainer, pl_module)}
            numbers = {name: value for name, value in found.items() if name != "v_num"}
            shown = "  ".join(f"{name} {float(value):.4g}" for name, value in numbers.items())  # type: ignore[arg-type]
            print(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  step {trainer.global_step}  {shown}",
                flush=True,
            )


def progress_bar(**settings: Any) -> Callback:
    """A rich progress bar on a terminal, else one line an epoch."""
    return Bar(**settings) if sys.stdout.isatty() else EpochLines()
