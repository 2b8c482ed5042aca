"""Training ends when it has used up its share of the processor, whatever the clock says."""

import time

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import nn

from seqvision.callbacks import ProcessorTime
from seqvision.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec.*:FutureWarning")


def work(seconds: float) -> None:
    """Keeps the processor busy for so long, however long it takes."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Task(LightningModule):
    """Steps of .02 seconds of work, which the clock would see as longer, and validation that takes far more."""

    def __init__(self):
        super().__init__()
        self.model = nn.Linear(1, 1)
        self.validated = []
        self.weights = []

    def training_step(self, batch, index):
        work(0.02)
        time.sleep(0.05)
        self.weights.append(self.model.bias.item())
        return self.model(batch).mean()

    def validation_step(self, batch, index):
        work(0.2)
        self.validated.append(self.global_step)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(4, 1), batch_size=1)

    def val_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(1, 1), batch_size=1)


def fit(folder, callback):
    task = Task()
    trainer = Trainer(
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        max_epochs=50,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(task)
    return task, trainer


def test_steps_are_paid_for_by_the_processor_validation_is_not(tmp_path):
    callback = ProcessorTime(seconds=0.25)
    task, trainer = fit(tmp_path, callback)
    assert 5 <= trainer.global_step <= 12, "by the clock four, or with what validation takes as well"
    assert 0.25 <= callback.spent < 0.4
    assert task.validated[-1] == trainer.global_step, "what was learnt last is validated"


def test_the_rate_falls_with_the_time(tmp_path):
    task, trainer = fit(tmp_path, ProcessorTime(seconds=0.3, fall=0.5))
    moves = -torch.tensor(task.weights).diff() / 0.1  # the gradient is one
    assert moves[:4].allclose(torch.ones(4)), "the first half is at the full rate"
    falling = moves[moves < 0.99]
    assert len(falling) >= 3
    assert (falling.diff() < 0).all()
    assert falling[-1] < 0.4
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.1, "the schedule does not see it"


def test_what_was_spent_before_counts_in_a_resumed_run(tmp_path):
    resumed = ProcessorTime(seconds=0.25)
    resumed.load_state_dict({"spent": 0.24})
    _, trainer = fit(tmp_path, resumed)
    assert trainer.global_step == 1


def test_no_time_is_refused():
    with pytest.raises(UserError, match=r"callbacks.time.seconds is 0"):
        ProcessorTime(seconds=0)
    with pytest.raises(UserError, match=r"fall is 2; expected a share"):
        ProcessorTime(seconds=1, fall=2)
