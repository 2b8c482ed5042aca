"""All processes of a run must have been started with the same configuration."""

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from seqvision.errors import UserError


class SameConfiguration(Callback):
    """Refuses to train where a process has another configuration than the first: its gradients would be of another
    model, and nothing would say so.
    """

    def __init__(self, digest: str):
        self.digest = digest

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        first = trainer.strategy.broadcast(self.digest)
        if first != self.digest:
            raise UserError(
                f"the configuration of process {trainer.global_rank} ({self.digest}) is not that of "
                f"the first ({first}): start all processes of a run with the same overrides"
            )
