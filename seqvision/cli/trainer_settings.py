"""Settings of the trainer with which nothing would be trained or validated, or that would have no effect."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seqvision.errors import UserError
from seqvision.wording import counted

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

    def number(key: str) -> int | float | None:
        """The setting where it is a number; what it may be otherwise, the trainer says."""
        value = trainer.get(key)
        return value if isinstance(value, int | float) else None

    for key, expected in _TRAINED.items():
        if number(key) == 0:
            raise UserError(f"trainer.{key} is 0: nothing would be trained. Expected {expected}")
    for key, (least, expected) in _LEAST.items():
        if (value := number(key)) is not None and value < least:
            raise UserError(f"trainer.{key} is {value}, which has no effect; expected {expected}")
    _check_processes(trainer)
    if (duration := trainer.get("max_time")) is not None:
        digits = "".join(re.findall(r"\d", str(duration)))
        if digits and not digits.strip("0"):
            raise UserError(
                f"trainer.max_time is {duration}: nothing would be trained. Expected a duration, e.g. {{minutes: 20}}"
            )
    epochs, first = number("max_epochs") or -1, number("min_epochs") or 0
    if 0 < epochs < first:
        raise UserError(f"trainer.min_epochs is {first}, more than trainer.max_epochs={epochs}; raise the latter")
    unvalidated = {
        "limit_val_batches": number("limit_val_batches") == 0,
        "fast_dev_run": trainer.get("fast_dev_run"),
    }
    for key, is_so in unvalidated.items():
        if is_so and (config.get("callbacks") or {}).get("best"):
            raise UserError(
                f"trainer.{key} is {trainer[key]}: no validation would choose best.ckpt, which the other commands use. "
                "Remove it, or train without that checkpoint (callbacks.best=null)"
            )
    every = number("check_val_every_n_epoch")
    if every is not None and 0 < epochs < every:
        print(
            f"trainer.check_val_every_n_epoch={every} is more than trainer.max_epochs={epochs}: the last epoch is "
            "validated, so that there is a best.ckpt",
            file=sys.stderr,
        )
        trainer.check_val_every_n_epoch = epochs


def _check_processes(trainer: Any) -> None:
    """Raises a `UserError` for more processes than the CPU has room for; of GPUs Lightning knows the number."""
    import torch

    from seqvision.data.workers import usable_cores

    devices, most = trainer.get("devices"), max(8, 2 * usable_cores())
    number = int(devices) if str(devices).isdecimal() else 0
    on_cpu = trainer.get("accelerator") == "cpu" or not torch.cuda.is_available()
    if on_cpu and number > most:
        raise UserError(
            f"trainer.devices is {devices}: as many processes would train on {counted(usable_cores(), 'core')} of this "
            f"machine and exhaust its memory. Expected at most {most}"
        )


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
