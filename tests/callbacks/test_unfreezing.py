"""Stages begin to learn when they should, each at its rate, in a run that is cut off as in one that is not."""

from functools import partial

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, Trainer

from seqvision.callbacks import LastCheckpoint, Unfreezing
from seqvision.data import PictureReader, SequenceData
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.encoders import Fusion, PictureFront, SmallCNN
from seqvision.errors import UserError
from seqvision.losses import SequenceClassCrossEntropy
from seqvision.models import SequenceClassifier
from seqvision.rnn import NoRecurrence
from seqvision.tasks import Classification

# what torch and Lightning say to developers of Lightning
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
STAGES = 3


def task(trainable=STAGES, encoder=SmallCNN, optimizer=torch.optim.Adam, **settings):
    """A classifier of single pictures with an encoder of three stages that have batch norm."""
    torch.manual_seed(0)
    made = encoder(image_size=16, channels=[4, 4, 4], strides=[2, 2, 2], norm="batch", pooled=True, trainable=trainable)
    front = partial(PictureFront, made, size=5)
    return Classification(
        SequenceClassifier(front, partial(NoRecurrence), classes=2),
        classes=("a", "b"),
        loss=SequenceClassCrossEntropy(),
        optimizer=partial(optimizer, lr=0.01),
        scheduler=lambda optimizer, steps: torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0),
        contents={},
        **settings,
    )


def pictures():
    """Three batches of two pictures an epoch, and one to validate on."""
    pixels = np.random.default_rng(1).integers(256, size=(8, 16, 16, 3), dtype=np.uint8)
    splits = ["train"] * 6 + ["val"] * 2
    records = [SequenceRecord(str(n), p, "ab"[n % 2], split=splits[n]) for n, p in enumerate(pixels)]
    read = partial(SequenceSet, records, ("a", "b"))
    return SequenceData(read, PictureReader(order="whole"), batch_size=2, num_workers=0)


class Watch(Callback):
    """The weights, running means and steps in the optimiser of each stage, as each epoch ends."""

    def __init__(self):
        self.seen = []

    def on_train_epoch_end(self, trainer, pl_module):
        state, stages = trainer.optimizers[0].state, []
        for stage in pl_module.model.front.encoder.stage_modules():
            convolution = next(m for m in stage if isinstance(m, torch.nn.Conv2d))
            norm = next(m for m in stage if isinstance(m, torch.nn.BatchNorm2d))
            steps = int(state[convolution.weight]["step"]) if convolution.weight in state else 0
            stages.append((convolution.weight.detach().clone(), norm.running_mean.clone(), steps))
        self.seen.append(stages)


def fit(module, *callbacks, epochs=5, checkpoint=None, **settings):
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=any(isinstance(each, LastCheckpoint) for each in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )
    trainer.fit(module, datamodule=pictures(), ckpt_path=checkpoint, weights_only=True)
    return trainer


def test_each_stage_begins_at_its_epoch_and_not_before():
    module, watch = task(), Watch()
    start = [next(m for m in s if isinstance(m, torch.nn.Conv2d)).weight.detach().clone()
             for s in module.model.front.encoder.stage_modules()]  # fmt: skip
    fit(module, Unfreezing(at=[1, 2, 4]), watch)
    begins = {2: 1, 1: 2, 0: 4}  # of the stages from the pixels on
    for stage, begin in begins.items():
        for epoch, seen in enumerate(watch.seen):
            weight, mean, steps = seen[stage]
            assert torch.equal(weight, start[stage]) == (epoch < begin)
            assert torch.equal(mean, torch.zeros_like(mean)) == (epoch < begin), "statistics rest with the weights"
            assert steps == 3 * max(0, epoch + 1 - begin), "the optimiser counts from the stage's own first step"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ([0, 0.5, 0.5], [1, 1, 3, 3]),
        ([0.25], [0, 3, 3, 3]),  # what is last said holds for all stages before
        ([1, 0.75 * 4], [0, 1, 1, 3]),
        ([0], [3, 3, 3, 3]),
    ],
)
def test_shares_and_epochs_say_the_same(at, expected):
    callback = Unfreezing(at=at)
    callback.most = 3
    assert [callback.stages_at(epoch, 4) for epoch in range(4)] == expected


def test_every_stage_has_its_rate_from_the_beginning():
    module = task(encoder_lr_factor=0.5, layer_decay=0.1, optimizer=torch.optim.SGD)
    trainer = fit(module, Unfreezing(at=[4]), epochs=1)
    rates = {id(p): group["lr"] for group in trainer.optimizers[0].param_groups for p in group["params"]}
    for depth, stage in enumerate(reversed(module.model.front.encoder.stage_modules()), start=1):
        for module_ in stage:
            for parameter in module_.parameters(recurse=False):
                assert rates[id(parameter)] == pytest.approx(0.01 * 0.5 * 0.1**depth)
    assert rates[id(module.model.output.weight)] == 0.01
    assert rates[id(module.model.front.linear.weight)] == 0.01, "what is new in the front learns as the head does"


class Stop(Callback):
    """Ends a run behind a step, within an epoch."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.few(2)
@pytest.mark.parametrize("step", [4, 6, 7, 11], ids=["held", "an epoch's end", "one learns", "two learn"])
def test_a_run_that_is_cut_off_ends_as_one_that_is_not(step, tmp_path):
    def keep():
        return LastCheckpoint(tmp_path / "last.ckpt", every_n_steps=1)

    def unfreezing():
        return Unfreezing(at=[2, 3])

    calm = task()
    fit(calm, unfreezing())
    cut = task()
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(cut, unfreezing(), keep(), Stop(step))
    resumed = task()
    trainer = fit(resumed, unfreezing(), keep(), checkpoint=tmp_path / "last.ckpt")
    assert trainer.global_step == 15
    expected, found = calm.state_dict(), resumed.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_an_encoder_that_is_frozen_for_good_is_refused():
    """Its features may have been computed once: nothing of it may change any more."""
    with pytest.raises(UserError, match=r"frozen for the whole run.*encoder.trainable to the number of last stages"):
        fit(task(trainable="none"), Unfreezing(at=[1]), epochs=2)


def test_more_stages_than_there_are_to_learn_are_refused():
    with pytest.raises(UserError, match=r"names 2 stages, but encoder.trainable lets 1 train"):
        fit(task(trainable=1), Unfreezing(at=[1, 2]), epochs=2)


def test_a_model_without_an_encoder_is_refused():
    module = task()
    module.model.front = torch.nn.Identity()
    with pytest.raises(UserError, match="no encoder whose stages"):
        fit(module, Unfreezing(at=[1]), epochs=2)


@pytest.mark.parametrize("at", [[], [2, 1], [-1], [0.5, 0.25], [True]])
def test_times_that_make_no_sense_are_refused(at):
    with pytest.raises(UserError, match=r"callbacks.unfreezing.at is .*expected epochs"):
        Unfreezing(at=at)


@pytest.mark.parametrize(
    ("trainable", "said"), [("none", "frozen for the whole run"), ("all", "each encoder trains as it says itself")]
)
def test_a_fusion_needs_an_order_and_no_features_that_are_kept(trainable, said):
    """Where only the join trains, the encoders' features are kept, and none of their stages may begin to learn."""

    def fusion(**settings):
        return Fusion([SmallCNN(**{**settings, "trainable": trainable}) for _ in range(2)], join="project", pooled=True)

    with pytest.raises(UserError, match=said):
        fit(task(encoder=fusion), Unfreezing(at=[1]), epochs=2)
