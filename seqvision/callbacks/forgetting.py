"""Layers that begin again while the others keep what they have learnt."""

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from seqvision.errors import UserError

FIRST = ("encoder", "front", "glimpse")  # parts that take in the pictures, frames or sentences


class Forgetting(Callback):
    """Puts `modules` of the model (all but the one that sees) back to where they began, when `at` shares of the epochs
    are done.

    Later layers learn first what mostly goes together, from features that are still poor, and keep it; begun again on
    good features, they need not (later-layer forgetting: Zhou, Vani, Larochelle and Courville, 2022, section 3).
    """

    def __init__(self, at: Sequence[float], modules: Sequence[str] | None = None):
        self.modules = None if modules is None else tuple(modules)
        self.at = tuple(at)
        if not self.at or not all(0 < share < 1 for share in self.at):
            raise UserError(
                f"callbacks.forgetting.at is {list(at)}; expected one or more shares of all epochs, above 0 and below 1"
            )
        self.beginning: dict[str, Tensor] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        parameters = _parameters(pl_module)
        known = sorted({key.partition(".")[0] for key in parameters})
        modules = [name for name in known if name not in FIRST] if self.modules is None else self.modules
        if missing := [name for name in modules if name not in known]:
            raise UserError(f"callbacks.forgetting.modules: the model has no {missing}; its parts are {known}")
        self.beginning = {key: p.detach().clone() for key, p in parameters.items() if key.partition(".")[0] in modules}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert trainer.max_epochs is not None
        if trainer.current_epoch not in {round(share * trainer.max_epochs) for share in self.at}:
            return
        parameters = _parameters(pl_module)
        with torch.no_grad():
            for key, value in self.beginning.items():
                parameters[key].copy_(value)
                for optimizer in trainer.optimizers:
                    optimizer.state.pop(parameters[key], None)

    def state_dict(self) -> dict[str, Any]:
        return {"beginning": self.beginning}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.beginning = state_dict["beginning"]


def _parameters(task: LightningModule) -> dict[str, torch.nn.Parameter]:
    """The parameters of a task's network by name."""
    assert isinstance(task.model, torch.nn.Module)
    return dict(task.model.named_parameters())
