"""Checkpoints that are whole or not there, and one to continue from after any kind of death."""

import copy
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.trainer.states import TrainerFn

from seqvision.callbacks.monitored import TieBreakingCheckpoint
from seqvision.digest import seal
from seqvision.errors import UserError, expect_counts
from seqvision.files import reason_of, replacing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes as `atomic_path` does, with the digest: a reader sees the old file or the new, never half."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        target = Path(path)
        try:
            seal(checkpoint)
            with replacing(target) as draft, open(draft, "wb") as file:
                torch.save(checkpoint, file)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            go_on = shlex.join(["seqvision", "train", f"resume={target.parent}"])
            untouched = f"writable; the last whole checkpoint is untouched: {go_on}"
            there = (target.parent / "last.ckpt").is_file()
            raise UserError(
                f"{target}: the checkpoint could not be written ({reason_of(error)}). Free some space or make "
                f"{target.parent} {untouched if there else 'writable, and begin again'}"
            ) from error


class LastCheckpoint(Checkpoint):
    """Keeps one file to resume from: written every so many steps, before every validation, at the end of every epoch.

    Whatever fails in a validation, the training before it is kept: the run that is resumed repeats the validation. An
    epoch that was cut short (by trainer.max_steps, a limit of time, early stopping) is kept as one that goes on: the
    run that is resumed makes the rest of its batches.
    """

    def __init__(self, path: str | Path, every_n_steps: int = 500):
        expect_counts(every_n_steps=every_n_steps)
        self.path = Path(path)
        self.every_n_steps = every_n_steps
        self._saved = -1
        self._logged, self._due = True, False
        self._one_more = False

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        loop = trainer.fit_loop.epoch_loop
        if validation_pending(checkpoint) and checkpoint["global_step"] == loop.max_steps:
            loop.max_steps += 1  # else Lightning would end before that validation
            self._one_more = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._saved = trainer.global_step  # not before the next whole step: gradients gathered so far are not saved

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._save_curves(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._due |= trainer.global_step % self.every_n_steps == 0 and trainer.global_step != self._saved
        if self._due and can_resume_from(trainer, batch_idx):
            self.save(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loop = trainer.fit_loop.epoch_loop
        if self._one_more:
            loop.max_steps -= 1
            self._one_more = False
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        repeated = _validates_after(trainer, loop.batch_idx)
        if repeated and not loop._should_accumulate():
            with _before_validation(trainer):
                self.save(trainer)
        elif can_resume_from(trainer, loop.batch_idx):  # one that comes early, because training is to stop
            with _before_batch_end(trainer):
                self.save(trainer)
        self._save_curves(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._saved = -1  # the end of an epoch is another place than the step before it
        with _as_it_goes_on(trainer):
            self.save(trainer)

    def is_at(self, step: int) -> bool:
        """Whether the file is of this step."""
        return step == self._saved

    def save(self, trainer: Trainer) -> None:
        """Writes the file, once a step."""
        if not self.is_at(trainer.global_step):
            self._saved, self._logged, self._due = trainer.global_step, False, False
            trainer.save_checkpoint(self.path, weights_only=False)  # whole: it is resumed from

    def _save_curves(self, trainer: Trainer) -> None:
        """Curves up to the checkpoint are on disk too, its own step included."""
        if not self._logged:
            self._logged = True
            for logger in trainer.loggers:
                logger.save()


def can_resume_from(trainer: Trainer, batch_idx: int) -> bool:
    """Whether a checkpoint at the end of this batch is one that training goes on from exactly.

    Not within the batches gathered for a step, whose gradients are not saved; nor at an epoch's last step, which
    Lightning would take for the beginning of the same epoch; nor before a validation, which it would leave out.
    """
    whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
    return whole_step and not trainer.is_last_batch and not _validates_after(trainer, batch_idx)


def validation_pending(checkpoint: dict[str, Any]) -> bool:
    """Whether a checkpoint was written before a validation, which the run that is resumed begins with."""
    batches = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]["total"]
    return bool(batches["started"] > batches["processed"])


def _validates_after(trainer: Trainer, batch_idx: int) -> bool:
    """Whether a validation follows a batch, by its number in the epoch or in all."""
    every = trainer.val_check_batch if trainer.enable_validation else None
    done = batch_idx + 1 if trainer.check_val_every_n_epoch is not None else trainer.fit_loop.total_batch_idx + 1
    return isinstance(every, int) and done % every == 0


@contextmanager
def _before_validation(trainer: Trainer) -> Iterator[None]:
    """A validation counts as begun: Lightning makes it again, from its first batch."""
    progress = trainer.fit_loop.epoch_loop.val_loop.batch_progress
    kept = copy.deepcopy(progress.state_dict())
    total: Any = progress.total
    total.ready = total.started = total.processed + 1
    try:
        yield
    finally:
        progress.load_state_dict(kept)


@contextmanager
def _before_batch_end(trainer: Trainer) -> Iterator[None]:
    """A batch counts as in `on_train_batch_end`: training goes on with the next one."""
    progress = trainer.fit_loop.epoch_loop.batch_progress
    kept = copy.deepcopy(progress.state_dict())
    progress.total.completed -= 1
    progress.current.completed -= 1
    try:
        yield
    finally:
        progress.load_state_dict(kept)


@contextmanager
def _as_it_goes_on(trainer: Trainer) -> Iterator[None]:
    """An epoch that was cut short does not count as over; a whole one does, and no batch of the next is done: with a
    limit of steps it would otherwise end a second time.
    """
    loop = trainer.fit_loop
    progress, batches = loop.epoch_progress, loop.epoch_loop.batch_progress
    kept = [copy.deepcopy(each.state_dict()) for each in (progress, batches)]
    counts: tuple[Any, Any] = (progress.total, progress.current)
    for each in counts:
        if trainer.is_last_batch:
            each.completed = each.processed
        else:
            each.processed = each.completed
    if trainer.is_last_batch:
        batches.reset_on_run()
    try:
        yield
    finally:
        progress.load_state_dict(kept[0])
        batches.load_state_dict(kept[1])


class BestCheckpoint(TieBreakingCheckpoint):
    """The best by score and loss, which knows its files again where the run's folder has moved: the best of them stays
    the best. Where validation does not measure what decides, it says so.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.monitor is not None and self.monitor not in trainer.callback_metrics and not trainer.sanity_checking:
            assert self.dirpath is not None
            scores = sorted(name for name in trainer.callback_metrics if name.startswith("val/"))
            near = get_close_matches(self.monitor, scores, n=1) or scores[:1]
            raise UserError(
                f"monitor.score={self.monitor}: not among what is measured: {', '.join(scores)}. Go on with "
                f"resume={self.dirpath} monitor.score={near[0] if near else '…'}"
            )
        super().on_validation_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        assert self.dirpath is not None
        folder = Path(self.dirpath)

        def here(path: str) -> str:
            return str(folder / Path(path).name) if path else ""

        kept = {here(path): score for path, score in state_dict["best_k_models"].items()}
        if all(Path(path).is_file() for path in kept):
            paths = ("best_model_path", "kth_best_model_path", "last_model_path")
            moved = {key: here(state_dict[key]) for key in paths}
            losses = {here(path): loss for path, loss in state_dict.get("losses", {}).items()}
            state_dict = {**state_dict, **moved, "best_k_models": kept, "losses": losses, "dirpath": self.dirpath}
        super().load_state_dict(state_dict)


class TopCheckpoints(BestCheckpoint):
    """The same beside it, for several by the same score: a class of its own, for that is what Lightning tells apart
    whose state a checkpoint holds.
    """
