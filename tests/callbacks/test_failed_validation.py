"""What fails in a validation costs no training: the run that is resumed ends where an undisturbed one ends."""

import pytest
import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger
from torch import nn

from seqvision.callbacks import (
    AtomicCheckpointIO,
    AveragedWeights,
    BestCheckpoint,
    LastCheckpoint,
    StopWithoutImprovement,
)
from seqvision.cli.resume import set_aside_metrics
from seqvision.data.loading import ResumableLoader, TrainBatches
from seqvision.inference.run_folder import read_curves

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers", "ignore:.*LeafSpec.*:FutureWarning", "ignore:.*exists and is not empty"
)
BATCHES = 8


class Failure(Exception):
    """Injected."""


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 2 * BATCHES

    def __getitems__(self, items):
        return torch.tensor([[float(item.record), item.seed % 7] for item in items])


class Data(LightningDataModule):
    """Shuffled anew each epoch, resumable within one."""

    def train_dataloader(self):
        self.loader = ResumableLoader(Numbers(), TrainBatches(2 * BATCHES, 2), collate_fn=lambda batch: batch)
        if self.position:
            self.loader.load_state_dict(self.position)
        return self.loader

    position: dict = {}  # noqa: RUF012

    def state_dict(self):
        return self.loader.state_dict()

    def load_state_dict(self, state_dict):
        self.position = state_dict

    def val_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(3, 2))


class Task(LightningModule):
    """Momentum and a schedule, so that a lost or repeated step would show; fails in validation where it is told to."""

    def __init__(self, fails=None):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        nn.init.ones_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)
        self.fails = fails

    def training_step(self, batch, index):
        loss = (self.layer(batch) ** 2).mean() / 100
        self.log("train/loss", loss, on_step=True, on_epoch=False)
        return loss

    def validation_step(self, batch, index):
        self.fail("batch", index == 1)
        self.log("val/score", self.layer(batch).mean())

    def on_validation_epoch_end(self):
        self.fail("metric", True)

    def fail(self, where, here):
        if here and self.fails == (where, self.global_step):
            raise Failure

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class FailingBest(BestCheckpoint):
    def _save_checkpoint(self, trainer, filepath):
        trainer.lightning_module.fail("best checkpoint", True)
        super()._save_checkpoint(trainer, filepath)


class FailingStop(StopWithoutImprovement):
    def _run_early_stopping_check(self, trainer):
        super()._run_early_stopping_check(trainer)
        trainer.lightning_module.fail("early stopping", True)


class StopEarly(Callback):
    """As a limit of time does."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        trainer.should_stop |= trainer.global_step == self.step


def fit(folder, *callbacks, fails=None, resume=False, **settings):
    """What a training of three epochs leaves; its last weights and steps."""
    task = Task(fails)
    best = FailingBest(folder, "best", monitor="val/score", mode="min", enable_version_counter=False)
    stop = FailingStop("val/score", mode="min", patience=9)
    if resume:
        set_aside_metrics(folder, torch.load(folder / "last.ckpt", weights_only=True)["global_step"])
    trainer = Trainer(
        accelerator="cpu",
        callbacks=[best, LastCheckpoint(folder / "last.ckpt"), stop, *callbacks],
        logger=CSVLogger(folder, name="", version=""),
        plugins=[AtomicCheckpointIO()],
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        **{"max_epochs": 3, **settings},
    )
    going_on = {"ckpt_path": folder / "last.ckpt", "weights_only": True} if resume else {}
    trainer.fit(task, datamodule=Data(), **going_on)
    return trainer


def left(folder):
    """Weights, optimiser, schedule, loops and callbacks of both checkpoints, and the curves."""
    found = {}
    for name in ("last", "best"):
        checkpoint = torch.load(folder / f"{name}.ckpt", weights_only=True)
        callbacks = {
            key.partition("{")[0]: {k: v for k, v in state.items() if "path" not in k and "k_models" not in k}
            for key, state in checkpoint["callbacks"].items()
        }
        for state in callbacks.values():
            state.pop("losses", None)
        loops = checkpoint["loops"]["fit_loop"]
        progress = (loops["epoch_progress"]["current"], loops["epoch_loop.state_dict"])
        rest = {key: checkpoint[key] for key in ("global_step", "epoch", "state_dict", "optimizer_states")}
        found[name] = str({**rest, "schedule": checkpoint["lr_schedulers"], "callbacks": callbacks, "loops": progress})
    return found, read_curves(folder)


@pytest.mark.few(3)
@pytest.mark.parametrize("where", ["batch", "metric", "best checkpoint", "early stopping"])
@pytest.mark.parametrize(
    ("settings", "step"),
    [
        ({}, BATCHES),
        ({}, 2 * BATCHES),
        ({"val_check_interval": 0.5, "accumulate_grad_batches": 2}, 6),
        ({"max_steps": 2 * BATCHES, "max_epochs": -1}, 2 * BATCHES),
    ],
    ids=["first epoch", "a later epoch", "within an epoch", "at the limit of steps"],
)
def test_training_goes_on_from_before_the_validation_that_failed(tmp_path, where, settings, step):
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    fit(calm, **settings)
    with pytest.raises(Failure):
        fit(wild, fails=(where, step), **settings)
    assert torch.load(wild / "last.ckpt", weights_only=True)["global_step"] == step, "no step is lost"
    with pytest.raises(Failure):
        fit(wild, fails=(where, step), resume=True, **settings)  # and again
    fit(wild, resume=True, **settings)
    assert left(wild) == left(calm)


def test_a_validation_that_comes_early_because_training_is_to_stop(tmp_path):
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    fit(calm)
    with pytest.raises(Failure):
        fit(wild, StopEarly(BATCHES + 3), fails=("metric", BATCHES + 3))
    assert torch.load(wild / "last.ckpt", weights_only=True)["global_step"] == BATCHES + 3
    fit(wild, resume=True)
    assert left(wild)[0] == left(calm)[0]


def test_the_weights_before_validation_are_those_that_training_goes_on_with(tmp_path):
    """An average takes their place while it is validated."""
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    fit(calm, AveragedWeights(0.5))
    with pytest.raises(Failure):
        fit(wild, AveragedWeights(0.5), fails=("metric", BATCHES))
    fit(wild, AveragedWeights(0.5), resume=True)
    assert left(wild) == left(calm)
