"""How long a training is where the configuration leaves that open: by optimizer steps, not by epochs alone."""

import math
from typing import Any

from omegaconf import DictConfig, OmegaConf


def open_ended(config: DictConfig) -> bool:
    """Whether nobody has set the number of epochs or steps: `trainer.max_epochs` is still the default's reference."""
    trainer = config.trainer
    return OmegaConf.is_interpolation(trainer, "max_epochs") and trainer.get("max_steps", -1) == -1


def extend(trainer: Any, data: Any, min_steps: int | None) -> None:
    """Raises the trainer's epochs to a multiple that makes `min_steps` optimizer steps, with as many validations."""
    batches = math.ceil(len(data.dataset("train", training=True)) / data.batch_size)
    if isinstance(trainer.limit_train_batches, int):
        batches = min(batches, trainer.limit_train_batches)
    steps = max(1, math.ceil(batches / trainer.accumulate_grad_batches))
    times = math.ceil((min_steps or 0) / (steps * trainer.max_epochs))
    if times > 1:
        trainer.fit_loop.max_epochs = times * trainer.max_epochs
        if trainer.val_check_interval in (None, 1.0) and trainer.check_val_every_n_epoch:
            trainer.check_val_every_n_epoch *= times
