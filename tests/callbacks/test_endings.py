"""How long a training took, that it ends where there is nothing to learn from, and the best epochs of it."""

import copy
import math
import shutil

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger
from torch import nn

from seqvision.callbacks import (
    BestCheckpoint,
    Clock,
    Diverged,
    Forgetting,
    LastCheckpoint,
    StopOnDivergence,
    StopWithoutImprovement,
    TopCheckpoints,
)
from seqvision.errors import UserError
from seqvision.inference.run_folder import read_curves

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers", "ignore:.*LeafSpec.*:FutureWarning", "ignore:.*exists and is not empty"
)


class Task(LightningModule):
    """A loss that is a number until a step; validation scores as they are given."""

    def __init__(self, scores=(0.0,), *, until=1000):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.scores, self.until = list(scores), until

    def training_step(self, batch, index):
        return self.layer(batch).mean() * (math.nan if self.global_step >= self.until else 1.0)

    def validation_step(self, batch, index):
        self.log("val/score", self.scores[self.current_epoch])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(8, 1), batch_size=1)

    def val_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(1, 1))


def trainer(folder, *callbacks, epochs=2, **settings) -> Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    where = {"default_root_dir": folder, "logger": CSVLogger(folder, name="", version="")}
    return Trainer(callbacks=list(callbacks), max_epochs=epochs, log_every_n_steps=2, **quiet, **where, **settings)


@pytest.mark.parametrize(("until", "every", "steps"), [(3, 1, 4), (3, 10, 8), (13, 5, 16)])
def test_training_ends_at_the_next_look_after_the_loss_is_no_number(tmp_path, until, every, steps):
    with pytest.raises(Diverged, match="not a finite number") as end:
        trainer(tmp_path, StopOnDivergence(every)).fit(Task(scores=[0.0, 0.0], until=until))
    assert end.value.steps == steps
    assert end.value.steps_per_epoch == 8
    trainer(tmp_path, StopOnDivergence(1)).fit(Task(scores=[0.0, 0.0]))


def test_seconds_are_a_curve_that_goes_on_where_it_was(tmp_path):
    first = trainer(tmp_path, Clock(), LastCheckpoint(tmp_path / "last.ckpt"), epochs=1)
    first.fit(Task(scores=[0.0]))
    before = [seconds for _, seconds in read_curves(tmp_path)["seconds"]]
    assert before == sorted(before)
    assert len(before) == 4
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)["callbacks"]["Clock"]["seconds"]
    assert kept >= before[-1]
    (tmp_path / "metrics.csv").unlink()
    second = trainer(tmp_path, Clock(), LastCheckpoint(tmp_path / "last.ckpt"))
    second.fit(Task(scores=[0.0, 0.0]), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert read_curves(tmp_path)["seconds"][0][1] > kept


def test_the_best_epochs_are_kept_each_under_its_number(tmp_path):
    top = TopCheckpoints(
        dirpath=tmp_path,
        filename="top_{epoch:03d}",
        auto_insert_metric_name=False,
        monitor="val/score",
        mode="max",
        save_top_k=2,
    )
    trainer(tmp_path, top, epochs=5).fit(Task(scores=[3.0, 1.0, 5.0, 4.0, 2.0]))
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["top_002.ckpt", "top_003.ckpt"]


@pytest.mark.parametrize("copied", ["*.ckpt", "last.ckpt"], ids=["all files", "the last one alone"])
def test_the_best_is_still_the_best_where_the_folder_has_moved(tmp_path, copied):
    def fit(folder, scores, **going_on):
        best = BestCheckpoint(
            dirpath=folder, filename="best", monitor="val/score", mode="max", enable_version_counter=False
        )
        last = LastCheckpoint(folder / "last.ckpt")
        trainer(folder, best, last, epochs=len(scores)).fit(Task(scores=scores), **going_on)
        return torch.load(folder / "best.ckpt", weights_only=True)["epoch"]

    assert fit(tmp_path / "before", [3.0, 5.0]) == 1
    after = tmp_path / "after"
    after.mkdir()
    for file in (tmp_path / "before").glob(copied):
        shutil.copy(file, after)
    scores, going_on = [3.0, 5.0, 4.0], {"ckpt_path": after / "last.ckpt", "weights_only": True}
    if copied == "*.ckpt":
        assert fit(after, scores, **going_on) == 1
        assert fit(after, [*scores, 6.0], **going_on) == 3
    else:
        with pytest.warns(UserWarning, match="dirpath has changed"):
            assert fit(after, scores, **going_on) == 2
    assert torch.load(tmp_path / "before" / "best.ckpt", weights_only=True)["epoch"] == 1


class TestAScoreThatTies:
    """Validation scores with losses, epoch by epoch, and which epoch is kept."""

    def kept(self, tmp_path, scores, losses, *callbacks, mode="max", epochs=None):
        class Scored(Task):
            def validation_step(self, batch, index):
                super().validation_step(batch, index)
                if losses:
                    self.log("val/loss", losses[self.current_epoch])

        best = BestCheckpoint(tmp_path, "best", monitor="val/score", mode=mode, enable_version_counter=False)
        fitted = trainer(tmp_path, best, *callbacks, epochs=epochs or len(scores))
        fitted.fit(Scored(scores))
        return torch.load(best.best_model_path, weights_only=False)["epoch"], fitted

    @pytest.mark.parametrize(
        ("scores", "losses", "epoch"),
        [
            ([0.0, 0.0, 0.0, 0.0], [3.0, 1.0, 2.0, 2.5], 1),  # never changes: the loss alone
            ([0.0, 0.0, 0.0], [], 2),  # nor a loss: the last
            ([0.0, 0.0, 5.0, 4.0], [1.0, 0.5, 9.0, 0.1], 2),  # it changes: the score
            ([5.0, 9.0, 9.0, 9.0], [1.0, 0.9, 0.5, 0.7], 2),  # the loss decides between the best
            ([0.0, 0.0, -1.0], [2.0, 1.0, 0.5], 1),
        ],
    )
    def test_the_loss_decides(self, tmp_path, scores, losses, epoch):
        assert self.kept(tmp_path, scores, losses)[0] == epoch

    def test_it_is_said_once_and_only_where_it_is_so(self, tmp_path, capsys):
        self.kept(tmp_path, [0.0, 0.0, 0.0], [3.0, 2.0, 1.0])
        assert capsys.readouterr().err.splitlines() == [
            "warning: val/score is 0 in every validation so far: until it changes, the best checkpoint is the epoch "
            "with the lowest val/loss"
        ]
        self.kept(tmp_path, [0.0, 1.0, 1.0], [3.0, 2.0, 1.0])
        assert not capsys.readouterr().err

    def test_the_best_three_of_equal_scores_are_those_with_the_lowest_loss(self, tmp_path):
        class Scored(Task):
            def validation_step(self, batch, index):
                super().validation_step(batch, index)
                self.log("val/loss", [5.0, 3.0, 4.0, 1.0, 2.0][self.current_epoch])

        settings = {"monitor": "val/score", "mode": "max", "save_top_k": 3, "auto_insert_metric_name": False}
        top = TopCheckpoints(tmp_path, "{epoch}", **settings)
        trainer(tmp_path, top, epochs=5).fit(Scored([0.0] * 5))
        assert sorted(file.stem for file in tmp_path.glob("*.ckpt")) == ["1", "3", "4"]
        assert top.best_model_path.endswith("3.ckpt")

    @pytest.mark.parametrize(
        ("scores", "losses", "epochs"),
        [
            ([0.0] * 6, [6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 6),  # the loss still falls
            ([0.0] * 6, [6.0, 5.0, 5.0, 5.0, 2.0, 1.0], 4),
            ([0.0, 1.0, 1.0, 1.0, 1.0, 1.0], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 4),  # a score that changes decides alone
        ],
    )
    def test_early_stopping_goes_by_the_loss_as_long_as_the_score_never_changes(self, tmp_path, scores, losses, epochs):
        stop = StopWithoutImprovement("val/score", mode="max", patience=2)
        assert self.kept(tmp_path, scores, losses, stop)[1].current_epoch == epochs

    def test_both_remember_over_a_resumed_run(self, tmp_path):
        for kind in (BestCheckpoint(tmp_path, monitor="val/score"), StopWithoutImprovement("val/score")):
            kind.constant.add(1.0)
            kind.constant.add(2.0)
            other = copy.deepcopy(kind)
            other.constant.__init__()
            other.load_state_dict(kind.state_dict())
            assert (other.constant.first, other.constant.checks, other.constant.changed) == (1.0, 2, True)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: StopWithoutImprovement("val/score", patience=-1), "patience is -1; expected 0 or more validations"),
        (lambda: TopCheckpoints(save_top_k=0), "save_top_k is 0; expected 1 or more, or -1 for all"),
        (lambda: LastCheckpoint("last.ckpt", every_n_steps=0), "every_n_steps is 0; expected 1 or more"),
        (lambda: LastCheckpoint("last.ckpt", every_n_steps=-1), "every_n_steps is -1; expected 1 or more"),
        (lambda: Forgetting(at=[]), r"callbacks.forgetting.at is \[\]; expected one or more shares"),
        (lambda: Forgetting(at=[0.5, 5.0]), r"callbacks.forgetting.at is \[0.5, 5.0\]; expected"),
    ],
    ids=["patience", "save_top_k", "never", "backwards", "no share", "an epoch"],
)
def test_settings_that_would_have_no_effect_are_refused(make, said):
    with pytest.raises(UserError, match=said):
        make()
