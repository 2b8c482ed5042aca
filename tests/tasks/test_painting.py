"""The task of painters: what is trained on, what is validated, and that neither knows the batches."""

import types
from functools import partial

import pytest
import torch
from painters import autoencoder, painter
from quiet_trainer import quiet_trainer

from seqvision.data import LabelledPictures, WholePictureReader, read_digits
from seqvision.data.labelled.batches import picture_batch
from seqvision.optim import constant
from seqvision.tasks import Painting

KINDS = {"draw": painter, "vae": autoencoder}
EIGHT = {"channels": 1, "height": 8, "width": 8}


def task_of(model, **settings):
    settings = {"optimizer": partial(torch.optim.Adam, lr=1e-2), "scheduler": constant, "contents": {}, **settings}
    return Painting(model, **settings)


def batch_of(number=5, side=6):
    generator = torch.Generator().manual_seed(0)
    pictures = [torch.randint(256, (1, side, side), dtype=torch.uint8, generator=generator) for _ in range(number)]
    return picture_batch([f"p{row}" for row in range(number)], pictures, [[row % 3] for row in range(number)])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_loss_is_the_sum_of_the_bounds(kind):
    model = kind(classes=3, conditional=True)
    task = task_of(model, binarise="threshold")
    batch = batch_of()
    torch.manual_seed(7)
    loss, count = task.loss(batch)
    torch.manual_seed(7)
    bound = model((batch.images >= 128).float(), batch.labels[:, 0])
    assert int(count) == 5
    torch.testing.assert_close(loss, (bound.kl.sum() - bound.log_likelihood.sum()))


def test_pictures_are_drawn_anew_in_training():
    model = autoencoder()
    seen = []
    model.forward = types.MethodType(lambda self, pictures, *rest: seen.append(pictures) or Exception, model)
    task = task_of(model)
    for _ in range(2):
        with pytest.raises(AttributeError):  # of what stands for the bound
            task.loss(batch_of())
    assert not torch.equal(*seen)


def fit(model, data, *, epochs=1, devices=1, **settings):
    task = task_of(model, seed=1, **settings)
    trainer = quiet_trainer(max_epochs=epochs, use_distributed_sampler=False, num_sanity_val_steps=0)
    trainer.fit(task, datamodule=data)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def digits(**settings):
    return LabelledPictures(read_digits, WholePictureReader(), **{"batch_size": 64, **settings})


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_training_on_digits_lowers_nats_that_are_the_sum_of_their_parts(kind):
    torch.manual_seed(3)
    model = kind(pictures=EIGHT)
    found = fit(model, digits(), epochs=2, binarise="threshold")
    assert found["val/nats"] == pytest.approx(found["val/reconstruction"] + found["val/kl"], rel=1e-5)
    assert found["val/nats"] < 30  # 44 without knowing anything


def test_the_first_canvas_is_the_mean_picture_unless_it_is_known():
    model = autoencoder(pictures=EIGHT)
    fit(model, digits(), optimizer=partial(torch.optim.SGD, lr=0.0))
    mean = torch.stack([torch.from_numpy(record.source) for record in digits().records["train"]]).float().mean(0) / 255
    shown = model.start.detach().sigmoid()[0]
    assert (shown - mean.clamp(0.01, 0.99)).abs().mean() < 0.05
    known = model.start.detach().clone()
    fit(model, digits(seed=5), optimizer=partial(torch.optim.SGD, lr=0.0))
    assert torch.equal(model.start, known)
    blank = autoencoder(pictures=EIGHT)
    fit(blank, digits(), optimizer=partial(torch.optim.SGD, lr=0.0), mean_start=False)
    assert not blank.start.any()


def test_validation_does_not_depend_on_the_batches():
    model = painter(pictures=EIGHT)
    still = {"optimizer": partial(torch.optim.SGD, lr=0.0), "mean_start": False}
    one = fit(model, digits(evaluation_batch_size=500), **still)
    other = fit(model, digits(evaluation_batch_size=13), **still)
    for name in ("val/nats", "val/reconstruction", "val/kl"):
        assert one[name] == pytest.approx(other[name], rel=1e-5)
