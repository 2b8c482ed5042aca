"""The progress of a run as people see it: a bar on a terminal, lines in a file."""

import sys

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import RichProgressBar
from torch.utils.data import DataLoader

from seqvision.callbacks import progress_bar
from seqvision.callbacks.progress import EpochLines


class Task(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch, _):
        self.log("train/loss", 0.25, prog_bar=True)
        return self.layer(batch).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec.*:FutureWarning")
def test_one_line_an_epoch_with_steps_and_metrics(tmp_path, capsys):
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        callbacks=[EpochLines()],
        max_epochs=2,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(Task(), DataLoader(torch.ones(6, 2), batch_size=2))
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1/2  step 3  train/loss 0.25",
        "epoch 2/2  step 6  train/loss 0.25",
    ]


def test_bar_on_a_terminal_and_lines_elsewhere(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert isinstance(progress_bar(), EpochLines)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert isinstance(progress_bar(), RichProgressBar)
