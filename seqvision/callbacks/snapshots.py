"""A checkpoint at the end of every cycle of the rate."""

from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from seqvision.errors import UserError


class Snapshots(Checkpoint):
    """`snapshot_1.ckpt`, `snapshot_2.ckpt`, … in a folder: the weights after each cycle of the schedule, each in a
    minimum of its own, whose predictions are averaged (Huang et al., 2017). They are for use, not to be resumed from.

    UserError where the schedule has no cycles.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.ends: list[int] = []
        self._seen = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        ends = getattr(trainer.lr_scheduler_configs[0].scheduler, "ends", None)
        if ends is None:
            raise UserError(
                "callbacks=snapshots: the schedule has no cycles at whose ends to take them; "
                "add scheduler=restarts, or scheduler=cyclic"
            )
        self.ends = ends
        self._seen = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        step = trainer.global_step
        if step != self._seen and step in self.ends:  # once, however many batches are gathered for the next step
            trainer.save_checkpoint(self.folder / f"snapshot_{self.ends.index(step) + 1}.ckpt", weights_only=True)
        self._seen = step
