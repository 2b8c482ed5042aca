"""The average is that of its recurrence; it is validated, saved and loaded; a resumed run goes on with it."""

import json

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.optim.swa_utils import get_ema_avg_fn
from training import SMALL, find, finish, train

from seqvision.callbacks import AveragedWeights, LastCheckpoint
from seqvision.cli import main
from seqvision.errors import UserError
from seqvision.inference.checkpoint import load_captioner, model_weights, read_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec.*:FutureWarning")
DECAY = 0.9


class Task(LightningModule):
    """A small network whose every part moves: weights, batch norm's statistics, a count."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.model.register_buffer("constant", torch.tensor([0.1, 1 / 3, 1e6]))
        self.model.register_buffer("indexes", torch.tensor([3, 7, 12]))
        self.validated = []

    def training_step(self, batch, index):
        return self.model(batch).square().mean()

    def validation_step(self, batch, index):
        self.validated.append(self.model[0].weight.detach().clone())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.05)

    def train_dataloader(self):
        draws = torch.Generator().manual_seed(1)
        return torch.utils.data.DataLoader(torch.randn(12, 3, generator=draws), batch_size=4)

    def val_dataloader(self):
        return torch.utils.data.DataLoader(torch.zeros(1, 3))


class Path(Callback):
    """All tensors of the network after each step."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.seen.append({name: value.clone() for name, value in pl_module.state_dict().items()})


def fit(folder, *, epochs=3, resume=None, task=None):
    """The task, its path, and the run's trainer; `last.ckpt` is written to the folder."""
    task, path = task or Task(), Path()
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[path, AveragedWeights(decay=DECAY), LastCheckpoint(folder / "last.ckpt", every_n_steps=2)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
    )
    trainer.fit(task, ckpt_path=resume, weights_only=True if resume else None)
    return task, path.seen, trainer


def recurrence(path):
    """a ← decay · a + (1 − decay) · w from the first step's weights on, in float64, after each step."""
    averages = [{name: value.double() for name, value in path[0].items()}]
    for weights in path[1:]:
        averages.append({name: DECAY * averages[-1][name] + (1 - DECAY) * weights[name].double() for name in weights})
    return averages


def test_the_average_is_that_of_its_recurrence_and_is_what_is_validated_saved_and_left(tmp_path):
    task, path, _ = fit(tmp_path)
    averages = recurrence(path)
    held = torch.load(tmp_path / "last.ckpt", weights_only=True)
    left = task.state_dict()
    for name, expected in averages[-1].items():
        if not path[-1][name].is_floating_point():
            continue
        assert held["state_dict"][name] == pytest.approx(expected.numpy(), rel=1e-5, abs=1e-6), name
        assert torch.equal(left[name], held["state_dict"][name]), "in use after training, in a test too"
        assert torch.equal(held["current_model_state"][name], path[-1][name]), "training would go on with these"
    for weight, average, last in zip(task.validated, averages[2::3], path[2::3], strict=True):
        assert weight == pytest.approx(average["model.0.weight"].numpy(), rel=1e-5, abs=1e-6)
        assert not torch.allclose(weight, last["model.0.weight"], atol=1e-3)


def test_what_counts_is_copied_and_what_never_changes_stays(tmp_path):
    task, path, _ = fit(tmp_path, epochs=10)
    for name in ("model.constant", "model.indexes", "model.1.num_batches_tracked"):
        assert torch.equal(task.state_dict()[name], path[-1][name]), name
    index = path[-1]["model.indexes"]
    assert not torch.equal(get_ema_avg_fn(DECAY)(index, index, 1).long(), index), (
        "a plain average, 2.9999998, would be index 2"
    )


def test_a_resumed_run_goes_on_bit_for_bit(tmp_path):
    whole, once = tmp_path / "whole", tmp_path / "once"
    task, path, _ = fit(whole, epochs=4)
    fit(once, epochs=2)
    resumed, rest, _ = fit(once, epochs=4, resume=once / "last.ckpt")
    assert len(rest) == len(path) // 2
    for found, expected in zip(rest, path[len(rest) :], strict=True):
        assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert all(torch.equal(resumed.state_dict()[name], value) for name, value in task.state_dict().items())
    ends = [torch.load(folder / "last.ckpt", weights_only=True) for folder in (whole, once)]
    for part in ("state_dict", "current_model_state", "averaging_state"):
        assert all(torch.equal(ends[1][part][name], value) for name, value in ends[0][part].items())


def test_a_checkpoint_without_an_average_is_no_start(tmp_path):
    task = Task()
    _, _, trainer = fit(tmp_path, epochs=1, task=task)
    callback = next(each for each in trainer.callbacks if isinstance(each, AveragedWeights))
    with pytest.raises(UserError, match=r"callbacks=ema: .*without an average.*start_from"):
        callback.on_load_checkpoint(trainer, task, {"state_dict": task.state_dict()})


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_a_decay_that_is_none_is_refused(decay):
    with pytest.raises(UserError, match=r"callbacks.average.decay is .*below 1"):
        AveragedWeights(decay=decay)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_best_holds_the_averaged_weights_that_inference_loads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = ["data.counts={train: 24, val: 4}", "trainer.max_epochs=2", "callbacks=ema", "optimizer.lr=0.01"]
    assert main(["train", *SMALL, *settings, "hydra.run.dir=run"]) == 0
    checkpoint = read_checkpoint(tmp_path / "run" / "best.ckpt")
    average, current = model_weights(checkpoint), model_weights({"state_dict": checkpoint["current_model_state"]})
    used = load_captioner(tmp_path / "run").model.state_dict()
    assert all(torch.equal(used[name], value) for name, value in average.items())
    assert any(not torch.allclose(used[name], value, atol=1e-3) for name, value in current.items())
    assert main(["train", "resume=run", "trainer.max_epochs=3"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["steps"] == 9


@pytest.mark.slow
def test_two_processes_average_what_one_averages(tmp_path):
    exact = ["model.dropout=0.0", "optimizer=sgd", "optimizer.lr=0.01", "trainer.max_epochs=2"]
    overrides = [*SMALL, "data.counts={train: 48, val: 4}", "callbacks=ema", "callbacks.average.decay=0.8", *exact]
    ends = []
    for name, several in (("one", []), ("two", ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"])):
        (tmp_path / name).mkdir()
        finish(train(tmp_path / name, *overrides, *several))
        ends.append(torch.load(find(tmp_path / name, "last.ckpt"), weights_only=True))
    one, two = ends
    for part in ("state_dict", "current_model_state"):
        for name, weight in one[part].items():
            torch.testing.assert_close(two[part][name], weight, atol=1e-4, rtol=1e-3, msg=f"{part} {name}")
    far = max(float((one["state_dict"][name] - w).abs().max()) for name, w in one["current_model_state"].items())
    assert far > 1e-3, "the average is not the last weights"
    assert int(two["averaging_state"]["n_averaged"]) == 12
