"""Settings of the trainer with which nothing would be trained or validated, or that would have no effect."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seqvision.errors import UserError

_TRAINED = {"max_epochs": "1 or more", "max_steps": "1 or more, or -1 for no limit", "limit_train_batches": "1 or more"}
_LEAST = {
    "gradient_clip_val": (0, "0 or null for no clipping"),
    "log_every_n_steps": (0, "1 or more"),
    "num_sanity_val_steps": (-1, "0 or more, or -1 for all"),
}


def check_trainer(config: Any) -> None:
    """Raises a `UserError`, before anything is built, where nothing would be trained or validated, or a setting has no
    effect. Where the first validation would come after the last epoch, it is moved to that, with a note.
    """
    trainer = config.trainer
    for key, expected in _TRAINED.items():
        if trainer.get(key) == 0:
            raise UserError(f"trainer.{key} is 0: nothing would be trained. Expected {expected}")
    for key, (least, expected) in _LEAST.items():
        if (value := trainer.get(key)) is not None and value < least:
            raise UserError(f"trainer.{key} is {value}, which has no effect; expected {expected}")
    if (duration := trainer.get("max_time")) is not None:
        parts = duration.values() if hasattr(duration, "values") else re.findall(r"\d+", str(duration))
        if not any(float(part) for part in parts):
            raise UserError(
                f"trainer.max_time is {duration}: nothing would be trained. Expected a duration, e.g. {{minutes: 20}}"
            )
    epochs, first = trainer.get("max_epochs") or -1, trainer.get("min_epochs") or 0
    if 0 < epochs < first:
        raise UserError(f"trainer.min_epochs is {first}, more than trainer.max_epochs={epochs}; raise the latter")
    unvalidated = {
        "limit_val_batches": trainer.get("limit_val_batches") == 0,
        "fast_dev_run": trainer.get("fast_dev_run"),
    }
    for key, is_so in unvalidated.items():
        if is_so and (config.get("callbacks") or {}).get("best"):
            raise UserError(
                f"trainer.{key} is {trainer[key]}: no validation would choose best.ckpt, which the other commands use. "
                "Remove it, or train without that checkpoint (callbacks.best=null)"
            )
    every = trainer.get("check_val_every_n_epoch")
    if every is not None and 0 < epochs < every:
        print(
            f"trainer.check_val_every_n_epoch={every} is more than trainer.max_epochs={epochs}: the last epoch is "
            "validated, so that there is a best.ckpt",
            file=sys.stderr,
        )
        trainer.check_val_every_n_epoch = epochs


@contextmanager
def trainer_errors() -> Iterator[None]:
    """What Lightning refuses within a training, where a setting does not go with the data, is a `UserError`."""
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    try:
        yield
    except MisconfigurationException as error:
        raise UserError(f"trainer: {' '.join(str(error).split())}") from error
    except ValueError as error:
        if "`val_check_interval`" not in str(error):
            raise
        said = " ".join(str(error).split()).partition(". ")[0]
        raise UserError(f"trainer.val_check_interval: {said}. Lower it, or leave it null") from error
