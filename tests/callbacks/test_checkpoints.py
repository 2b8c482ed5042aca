"""Checkpoints that are whole or not there, whatever happens while they are written."""

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

from seqvision.callbacks import AtomicCheckpointIO, LastCheckpoint
from seqvision.callbacks import checkpoints as module
from seqvision.errors import UserError

FULL = OSError(errno.ENOSPC, "No space left on device")


def break_in_the_middle(monkeypatch, error: BaseException) -> None:
    """Makes torch write half of a checkpoint and then fail."""
    whole = torch.save

    def half(content, file) -> None:
        whole(content, file)
        file.seek(0)
        file.truncate(100)
        raise error

    monkeypatch.setattr(module.torch, "save", half)


@pytest.fixture
def target(tmp_path) -> Path:
    """A whole checkpoint of step 1."""
    AtomicCheckpointIO().save_checkpoint({"step": 1}, tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_writes_what_torch_reads_and_leaves_no_draft(target):
    AtomicCheckpointIO().save_checkpoint({"step": 2, "weights": torch.ones(2)}, target)
    assert torch.load(target, weights_only=True)["step"] == 2
    assert [file.name for file in target.parent.iterdir()] == ["last.ckpt"]


def as_torch_says_it(cause: BaseException | None = None) -> RuntimeError:
    error = RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed writing file")
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FULL, "No space left on device"),
        (as_torch_says_it(FULL), "No space left on device"),
        (as_torch_says_it(), "as on a full disk"),
    ],
    ids=["full disk", "full disk as torch says it", "without the system's reason"],
)
def test_failed_writing_leaves_the_old_file_and_says_what_to_do(target, monkeypatch, error, reason):
    break_in_the_middle(monkeypatch, error)
    with pytest.raises(UserError) as caught:
        AtomicCheckpointIO().save_checkpoint({"step": 2}, target)
    assert torch.load(target, weights_only=True) == {"step": 1}
    assert [file.name for file in target.parent.iterdir()] == ["last.ckpt"]
    assert "inline_container" not in str(caught.value)
    for said in (str(target), reason, "untouched", "Free some space", f"resume={target.parent}"):
        assert said in str(caught.value)


def test_interruption_in_the_middle_leaves_the_old_file(target, monkeypatch):
    break_in_the_middle(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        AtomicCheckpointIO().save_checkpoint({"step": 2}, target)
    assert torch.load(target, weights_only=True) == {"step": 1}
    assert not list(target.parent.glob("*.ckpt.*.ckpt"))  # a draft never looks like a checkpoint


@pytest.mark.parametrize("method", ["touch", "mkdir", "replace"])
def test_forbidden_folder_is_said(target, monkeypatch, method):
    def forbid(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, method, forbid)  # not by chmod: root may write anywhere
    with pytest.raises(UserError, match=r"could not be written .*Permission denied.* make .* writable"):
        AtomicCheckpointIO().save_checkpoint({"step": 2}, target)
    monkeypatch.undo()
    assert torch.load(target, weights_only=True) == {"step": 1}


def test_content_reaches_the_disk_before_the_name(target, monkeypatch):
    order = []
    monkeypatch.setattr("os.fsync", lambda _: order.append("flush"))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda *paths: order.append("name") or replace(*paths))
    AtomicCheckpointIO().save_checkpoint({"step": 2}, target)
    assert order == ["flush", "name", "flush"], "the folder too"


def test_last_checkpoint_is_written_every_so_many_steps_and_at_the_end_of_an_epoch(tmp_path, monkeypatch):
    saved = []
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        accumulate_grad_batches=2,
    )
    place = SimpleNamespace(step=0)
    monkeypatch.setattr(Trainer, "global_step", property(lambda _: place.step))
    monkeypatch.setattr(trainer, "save_checkpoint", lambda path, **_: saved.append((place.step, path.name)))
    callback = LastCheckpoint(tmp_path / "last.ckpt", every_n_steps=2)
    callback.on_train_start(trainer, LightningModule())
    for batch, step in enumerate((0, 1, 1, 2, 2, 3, 3, 4)):  # a step of two accumulated batches is seen twice
        place.step = step
        callback.on_train_batch_end(trainer, LightningModule(), None, None, batch)
    callback.on_train_epoch_end(trainer, LightningModule())
    assert saved == [(2, "last.ckpt"), (4, "last.ckpt"), (4, "last.ckpt")]
