"""The progress bar: rich on a terminal, a plain line an epoch elsewhere."""

import sys
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, ProgressBar, RichProgressBar


class EpochLines(ProgressBar):
    """One line an epoch, for logs and pipes."""

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._enabled and trainer.is_global_zero:
            numbers = {name: value for name, value in self.get_metrics(trainer, pl_module).items() if name != "v_num"}
            shown = "  ".join(f"{name} {float(value):.4g}" for name, value in numbers.items())  # type: ignore[arg-type]
            print(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  step {trainer.global_step}  {shown}",
                flush=True,
            )


def progress_bar(**settings: Any) -> Callback:
    """A rich progress bar on a terminal, else one line an epoch."""
    return RichProgressBar(**settings) if sys.stdout.isatty() else EpochLines()
