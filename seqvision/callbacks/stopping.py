"""Signals, failures, and the death of another process: a training ends with a checkpoint and says how to go on."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from seqvision.callbacks.checkpoints import LastCheckpoint, can_resume_from
from seqvision.devices import over_processes
from seqvision.errors import Stopped, UserError

PATIENCE = 20.0  # seconds from the signal to the end at the latest: Slurm kills after 30
AT_ONCE = 1.0  # seconds within which a repeated signal is the same one: `timeout` and terminals signal twice
LOOK = 0.5  # seconds between two looks at the other processes
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # the last one by schedulers, before the time is up


class StopOnSignal(Checkpoint):
    """Ends training after SIGTERM, SIGINT or SIGUSR1 with `Stopped`, once last.ckpt is written, in all processes
    together.

    A context manager, so that signals are heard from the start. Before the first step it ends at once. A validation
    is finished if that takes less than `PATIENCE`; else the run that is resumed repeats it. A second signal ends
    the process at once. Where another process of the run has died, which nobody may wait for in vain, it ends too.
    After any other failure it says how to go on.

    folder: the run's; command: what goes on with it.
    """

    def __init__(self, folder: str | Path, *, command: str):
        self.folder, self.command = Path(folder), command
        self.signum: int | None = None
        self._training = self._validating = self._saved = self._over = False
        self._heard = 0.0
        self._owner = os.getpid()
        self._before: dict[int, Any] = {}
        self._last: LastCheckpoint | None = None

    def __enter__(self) -> "StopOnSignal":
        if threading.current_thread() is threading.main_thread():
            handlers: dict[int, Any] = {number: signal.getsignal(number) for number in HEARD}
            if not _is_ours(handlers[signal.SIGUSR1]):
                del handlers[signal.SIGUSR1]  # of the launcher that has started this job, which queues it again
            self._before = handlers
            self._listen()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._over = True
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if isinstance(error, RuntimeError) and self.signum is not None:  # processes that read data heard it as well
            raise Stopped(self.signum, self.hint()) from error
        if isinstance(error, torch.distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error)):
            raise UserError(
                f"the connection to another process of the run was lost, which has died or hangs; {self.hint()}"
            ) from error
        if isinstance(error, Exception) and not isinstance(error, UserError) and (self.folder / "last.ckpt").is_file():
            self._say(f"the training has failed ({type(error).__name__}), as said below; {self.hint()}")

    def hint(self) -> str:
        """How to go on."""
        if not (self.folder / "last.ckpt").is_file():
            return "there is no checkpoint yet: repeat the command"
        return f"go on with: {self.command}"

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        callbacks = trainer.callbacks  # type: ignore[attr-defined]  # Lightning sets it unseen
        found = [each for each in callbacks if isinstance(each, LastCheckpoint)]
        self._last = found[0] if found else LastCheckpoint(self.folder / "last.ckpt")
        children = getattr(trainer.strategy.launcher, "procs", None)
        if children:
            self._watch(lambda: any(child.poll() for child in children), children)
        elif trainer.world_size > 1 and not trainer.is_global_zero:
            parent = os.getppid()
            self._watch(lambda: os.getppid() != parent)

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._listen()  # again: Lightning has put its own handler before this one

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._listen()
        self._training = True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._end()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._end()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if can_resume_from(trainer, batch_idx) and self._agreed(trainer):
            assert self._last is not None
            self._last.save(trainer)
            self._saved = True

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validating = True
        if self._training and self._agreed(trainer):
            assert self._last is not None
            self._last.on_validation_start(trainer, pl_module)
            self._saved = self._last.is_at(trainer.global_step)
            self._end()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validating = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._agreed(trainer):
            assert self._last is not None
            self._last.on_train_epoch_end(trainer, pl_module)
            self._saved = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._training = False
        self._over = True

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._over = True  # this process says what was wrong

    def _listen(self) -> None:
        for number in self._before:
            signal.signal(number, self._hear)

    def _hear(self, signum: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            return  # a process that reads data: its owner ends it
        if self.signum is not None:
            if time.monotonic() - self._heard > AT_ONCE:
                self._leave(f"stopped at once by a second signal; {self.hint()}", 128 + signum)
            return
        self.signum, self._heard = signum, time.monotonic()
        if not self._training:
            raise Stopped(signum, f"before the first step; {self.hint()}")
        late = threading.Timer(PATIENCE, self._give_up)
        late.daemon = True
        late.start()

    def _agreed(self, trainer: Trainer) -> bool:
        """Whether any process of the run was told to stop."""
        told = self.signum or 0
        if trainer.world_size > 1:
            number = torch.full((), told, device=trainer.strategy.root_device)
            told = int(over_processes(number, "max"))
            self.signum = told or None
        return bool(told)

    def _end(self) -> None:
        """At the beginning of what comes next, for by then the loggers know the step that was saved."""
        if self._saved and self.signum is not None:
            raise Stopped(self.signum, self.hint())

    def _give_up(self) -> None:
        if not self._over and self.signum is not None:
            name, late = signal.Signals(self.signum).name, f"within {PATIENCE:.0f} s"
            if self._validating:
                said = f"the validation did not end {late} and will be repeated; {self.hint()}"
            else:
                said = f"no checkpoint could be written {late}; from the one before {self.hint()}"
            self._leave(f"stopped by {name}; {said}", 128 + self.signum)

    def _watch(self, died: Callable[[], bool], children: Any = ()) -> None:
        """Ends this process, and the children, soon after one of the others has died."""

        def look() -> None:
            while not self._over:
                time.sleep(LOOK)
                if not self._over and self.signum is None and died():
                    for child in children:
                        child.kill()
                    self._leave(f"another process of the run has died; {self.hint()}", 1)

        threading.Thread(target=look, daemon=True, name="other processes").start()

    def _leave(self, message: str, status: int) -> None:
        """Ends the process now, wherever it waits."""
        self._say(message)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    def _say(self, message: str) -> None:
        if os.environ.get("LOCAL_RANK", "0") == "0":
            print(f"seqvision: {message}", file=sys.stderr)


def _is_ours(handler: Any) -> bool:
    """Whether a signal's handler is the system's or of this package."""
    return handler == signal.SIG_DFL or str(getattr(handler, "__module__", "")).startswith("seqvision.")
