"""Which epoch is the better one by a monitored score: of equal scores the validation loss decides."""

import math
import sys
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from seqvision.errors import SettingError

LOSS = "val/loss"


def loss_of(trainer: Trainer) -> float:
    """The validation loss, infinite where there is none."""
    loss = float(trainer.callback_metrics.get(LOSS, math.inf))
    return loss if math.isfinite(loss) else math.inf


class Constant:
    """Whether a score has been the same in every validation so far."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.checks, self.changed = 0, False

    def add(self, score: float) -> bool:
        """Whether it still is, with this one, and there are several."""
        self.checks += 1
        self.first = score if self.first is None else self.first
        self.changed |= score != self.first
        return self.checks > 1 and not self.changed


class TieBreakingCheckpoint(ModelCheckpoint):
    """Lightning's `ModelCheckpoint`, except that of epochs with the same score the one with the lower validation loss
    is the better, and without a loss the later one. So a score that never changes falls back to the loss; this is said.
    """

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        if self.save_top_k < 1 and self.save_top_k != -1:
            raise SettingError("save_top_k", self.save_top_k, "1 or more, or -1 for all")
        self.losses: dict[str, float] = {}
        self.constant = Constant()
        self._said = False

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        if current is not None and self.constant.add(float(current)) and not self._said:
            self._said = True
            self._say(trainer)
        if super().check_monitor_top_k(trainer, current):
            return True
        if current is None or not self.kth_best_model_path:
            return False
        loss, worst = loss_of(trainer), self.losses.get(self.kth_best_model_path, math.inf)
        tied = float(current) == float(self.best_k_models[self.kth_best_model_path])
        return trainer.strategy.reduce_boolean_decision(tied and (loss < worst or loss == worst == math.inf))

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        if filepath in self.best_k_models:
            self.losses = {path: loss for path, loss in self.losses.items() if path in self.best_k_models}
            self.losses[filepath] = loss_of(trainer)
            order = sorted(self.best_k_models, key=self._rank)
            self.best_model_path = order[0]
            self.best_model_score = self.best_k_models[order[0]]
            if len(order) == self.save_top_k:
                self.kth_best_model_path, self.kth_value = order[-1], self.best_k_models[order[-1]]
        super()._save_checkpoint(trainer, filepath)

    def _rank(self, path: str) -> tuple[float, float]:
        score = float(self.best_k_models[path])
        return (score if self.mode == "min" else -score), self.losses.get(path, math.inf)

    def _say(self, trainer: Trainer) -> None:
        if self.monitor != LOSS:
            instead = "the latest epoch" if math.isinf(loss_of(trainer)) else f"the epoch with the lowest {LOSS}"
            _warn(
                f"{self.monitor} is {self.constant.first:g} in every validation so far: until it changes, the best "
                f"checkpoint is {instead}"
            )

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "losses": self.losses, "constant": vars(self.constant)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.losses = dict(state_dict.get("losses", {}))
        vars(self.constant).update(state_dict.get("constant", {}))


class StopWithoutImprovement(EarlyStopping):
    """Lightning's `EarlyStopping`, except that as long as the score never changes a lower validation loss counts as an
    improvement.
    """

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        if self.patience < 0:
            raise SettingError("patience", self.patience, "0 or more validations")
        self.constant = Constant()
        self.best_loss = self._loss = math.inf

    def _run_early_stopping_check(self, trainer: Trainer) -> None:
        self._loss = loss_of(trainer)
        super()._run_early_stopping_check(trainer)

    def _evaluate_stopping_criteria(self, current: Tensor) -> tuple[bool, str | None]:
        better, self.best_loss = self._loss < self.best_loss, min(self._loss, self.best_loss)
        if self.constant.add(float(current)) and better:
            self.wait_count = 0
            return False, None
        return super()._evaluate_stopping_criteria(current)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "best_loss": self.best_loss, "constant": vars(self.constant)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.best_loss = state_dict.get("best_loss", math.inf)
        vars(self.constant).update(state_dict.get("constant", {}))


@rank_zero_only
def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)
