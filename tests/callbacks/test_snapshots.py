"""A checkpoint at the end of each cycle, and nothing else."""

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn
from training import SMALL

from seqvision.callbacks import Snapshots
from seqvision.cli import main
from seqvision.errors import UserError
from seqvision.inference.checkpoint import load_captioner
from seqvision.optim import constant, cyclic, restarts

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec.*:FutureWarning")


class Task(LightningModule):
    """One weight that moves at every step."""

    def __init__(self, schedule):
        super().__init__()
        self.model = nn.Linear(1, 1)
        self.schedule = schedule

    def training_step(self, batch, index):
        return self.model(batch).mean()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        steps = int(self.trainer.estimated_stepping_batches)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.schedule(optimizer, steps), "interval": "step"},
        }

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(8, 1), batch_size=1)


class Path(Callback):
    """The weight after each step."""

    def __init__(self):
        self.seen = {}

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.seen[trainer.global_step] = pl_module.model.weight.detach().clone()


def fit(folder, schedule, **settings) -> dict[int, torch.Tensor]:
    path = Path()
    Trainer(
        accelerator="cpu",
        callbacks=[path, Snapshots(folder)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **{"max_epochs": 3, **settings},
    ).fit(Task(schedule))
    return path.seen


def snapshots(folder) -> dict[str, int]:
    """The step of each snapshot."""
    files = sorted(folder.glob("*.ckpt"))
    return {file.name: torch.load(file, weights_only=True)["global_step"] for file in files}


@pytest.mark.parametrize("schedule", [restarts, cyclic])
def test_one_at_the_end_of_each_cycle_across_epochs(tmp_path, schedule):
    path = fit(tmp_path, lambda optimizer, steps: schedule(optimizer, steps, cycles=4))
    assert snapshots(tmp_path) == {f"snapshot_{n}.ckpt": 6 * n for n in (1, 2, 3, 4)}
    for number in (1, 2, 3, 4):
        held = torch.load(tmp_path / f"snapshot_{number}.ckpt", weights_only=True)["state_dict"]
        assert torch.equal(held["model.weight"], path[6 * number])


def test_a_step_of_several_batches_has_one(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Trainer, "save_checkpoint", lambda trainer, path, **_: saved.append(path.name))
    fit(tmp_path, lambda optimizer, steps: restarts(optimizer, steps, cycles=2), accumulate_grad_batches=4)
    assert saved == ["snapshot_1.ckpt", "snapshot_2.ckpt"]


def test_a_schedule_without_cycles_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"callbacks=snapshots: .*no cycles.*scheduler=restarts"):
        fit(tmp_path, constant)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_run_leaves_snapshots_that_inference_loads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = ["data.counts={train: 16, val: 4}", "trainer.max_epochs=2", "hydra.run.dir=run"]
    cycles = ["callbacks=snapshots", "scheduler=restarts", "scheduler.cycles=2"]
    assert main(["train", *SMALL, *settings, *cycles]) == 0
    first, second = (load_captioner(tmp_path / "run" / f"snapshot_{n}.ckpt").model for n in (1, 2))
    assert not torch.equal(first.output.weight, second.output.weight)
    assert {"best.ckpt", "last.ckpt"} <= {file.name for file in (tmp_path / "run").iterdir()}
    picture = sorted(tmp_path.rglob("*.png"))[0]
    each = [argument for n in (1, 2) for argument in ("--checkpoint", f"run/snapshot_{n}.ckpt")]
    said = {}
    for name, checkpoints in (("named", ["--checkpoint", "run:snapshots"]), ("listed", each)):
        assert main(["caption", *checkpoints, "--format", "jsonl", "--output", f"{name}.jsonl", str(picture)]) == 0
        said[name] = (tmp_path / f"{name}.jsonl").read_text()
    assert said["named"] == said["listed"]
