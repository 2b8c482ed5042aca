"""An encoder's stages that begin to learn one after the other, the last first."""

import gc
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DDPStrategy

from seqvision.encoders.base import Encoder, encoder_of
from seqvision.errors import UserError


class Unfreezing(Callback):
    """Holds the stages that `encoder.trainable` lets train frozen until their epochs, from the last one towards the
    pixels: what is new learns first, and what was learnt elsewhere is not torn up by its first, wild gradients (Howard
    and Ruder, 2018, section 3.3; Kumar et al., 2022).

    at: when the last stage, the one before it, … begins: an epoch (0, 1, 2, …) or a share of all epochs (0.25), each
        not before the one that precedes it; what is last said holds for all stages before.

    A stage that is held has no gradient, is in evaluation mode and has no state in the optimiser, where its parameters
    stand from the beginning, each in its group with its rate: nothing is moved when it begins, and which stages learn
    follows from the epoch alone, so that a resumed run goes on as it would have. Processes that train together make
    the exchange of their gradients anew at each change, because torch's knows only what had one at its making.
    """

    def __init__(self, at: Sequence[int | float]):
        if not at or any(isinstance(each, bool) or each < 0 for each in at) or any(a > b for a, b in pairwise(at)):
            raise UserError(
                f"callbacks.unfreezing.at is {list(at)}; expected epochs (0, 1, 2, …) or shares of all epochs (0.25), "
                "for the last stage first, each not less than the one before"
            )
        self.at = tuple(at)
        self.most = 0
        self._learning: int | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        encoder = _encoder(pl_module)
        self.most, self._learning = encoder.learning_stages, None
        if not self.most or encoder.fixed() is not None:
            raise UserError(
                "callbacks.unfreezing: the encoder is frozen for the whole run, and its features may have been "
                "computed once; set encoder.trainable to the number of last stages that are to learn in the end, say 2"
            )
        if encoder.trainable == "each":
            raise UserError(
                "callbacks.unfreezing: in this fusion each encoder trains as it says itself, so that there is no order "
                "in which stages could begin; set encoder.trainable to a number of last stages"
            )
        if len(self.at) > self.most:
            raise UserError(
                f"callbacks.unfreezing.at names {len(self.at)} stages, but encoder.trainable lets {self.most} train; "
                "set encoder.trainable to a higher number, or leave some out"
            )

    def stages_at(self, epoch: int, epochs: int) -> int:
        """How many of the last stages learn in this epoch of so many."""
        begins = [round(each * epochs) if each < 1 else int(each) for each in self.at]
        begins += [begins[-1]] * (self.most - len(begins))
        return sum(epoch >= begin for begin in begins)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        # here and not as an epoch starts: a run that is resumed within one passes here alone
        assert trainer.max_epochs is not None
        learning = self.stages_at(trainer.current_epoch, trainer.max_epochs)
        if learning == self._learning:
            return
        self._learning = learning
        _encoder(pl_module).set_trainable(learning)
        strategy = trainer.strategy
        if isinstance(strategy, DDPStrategy):
            strategy.model = pl_module
            gc.collect()  # the old exchange has hooks on the parameters until it is gone
            strategy.configure_ddp()


def _encoder(task: LightningModule) -> Encoder:
    encoder = encoder_of(task.model)  # type: ignore[arg-type]
    if encoder is None:
        raise UserError(
            "callbacks.unfreezing: this model has no encoder whose stages could begin to learn; leave it out"
        )
    return encoder
