"""A callback that makes validations slow enough to be interrupted, for trainings in processes of their own.

seqvision train +callbacks.slow._target_=slow_validation.SlowValidation +callbacks.slow.mark=FILE …
"""

import time
from pathlib import Path

from pytorch_lightning import Callback

from seqvision.callbacks import stopping


class SlowValidation(Callback):
    """Waits in the second validation, and lets `mark` be found then.

    seconds: that it waits; patience: that a signal waits for it.
    """

    def __init__(self, mark: str, seconds: float = 2.0, patience: float = stopping.PATIENCE):
        self.mark, self.seconds, self.number = Path(mark), seconds, 0
        stopping.PATIENCE = patience

    def on_validation_batch_end(self, trainer, *_):
        if not trainer.sanity_checking and trainer.current_epoch == 1 and not self.mark.exists():
            if trainer.is_global_zero:
                self.mark.touch()
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:  # one long sleep would go on after a signal's handler as well
                time.sleep(0.01)
