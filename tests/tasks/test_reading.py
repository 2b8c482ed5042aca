"""Training a reader: what its loss is made of, and that it learns."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from quiet_trainer import quiet_trainer

from seqvision.data import LabelledPictures, WholePictureReader, read_digits
from seqvision.data.labelled.batches import picture_batch
from seqvision.data.labelled.symbols import Symbols
from seqvision.models import RAM
from seqvision.models.reader import Reader, Reading
from seqvision.optim import cosine
from seqvision.rnn import LayerNormElmanCell, Recurrent
from seqvision.tasks import GlimpseReading
from seqvision.tasks.reading import WORST, classes_loss, rewards


def reading(scores: list[list[list[float]]]) -> Reading:
    logits = torch.tensor(scores)
    number, looks, _ = logits.shape
    return Reading(logits, torch.zeros(number, looks, 2), torch.zeros(number, looks), torch.zeros(number, looks))


class Fixed(Reader):
    """A reader of up to three symbols that says the same of all pictures."""

    looks, objects, policy = 1, 3, "centre"

    def __init__(self, found: Reading):
        super().__init__()
        self.found = found

    def forward(self, images: torch.Tensor, sizes: torch.Tensor) -> Reading:
        return self.found


RIGHT, WRONG = [4.0, 0.0], [0.0, 4.0]  # where the class is 0
LABELS = torch.tensor([[0, 0], [0, -1]])
SCORES = [[WRONG, RIGHT, RIGHT, WRONG], [RIGHT, RIGHT, WRONG, WRONG]]  # two looks a symbol; the second label has one


def test_rewards_for_being_right():
    found = rewards(reading(SCORES), LABELS, 2, "right", "end")
    assert found.tolist() == [[0, 1, 0, 0], [0, 1, 0, 0]]
    every = rewards(reading(SCORES), LABELS, 2, "right", "every_look")
    assert every.tolist() == [[0, 1, 1, -1], [1, 0, 0, 0]]


def test_validation_counts_what_evaluation_counts():
    """Strings of digits 0 and 1 with an end mark, 2: neither end marks nor what stands behind them are symbols."""
    zero, one, end = torch.eye(3).tolist()
    scores = [[one, zero, end], [one, end, zero], [zero, zero, end], [one, end, zero]]
    labels = torch.tensor([[1, 0, 2], [1, 0, 2], [1, 2, -1], [-1, -1, -1]])  # the last one nobody labelled
    found = GlimpseReading(
        Fixed(reading(scores)),
        symbols=Symbols("01", most=2, several=True),
        optimizer=torch.optim.SGD,
        scheduler=cosine,
        contents={},
    )
    found.on_validation_epoch_start()
    pictures = [torch.zeros(1, 2, 2, dtype=torch.uint8)] * 4
    found.validation_step(picture_batch(list("abcd"), pictures, labels.tolist()), 0)
    [(_, whole, known, right, symbols)] = found._validation
    assert (whole, known, right, symbols) == (1, 3, 3, 6)


def test_rewards_by_log_probability():
    found = rewards(reading(SCORES), LABELS, 2, "log_p", "end")
    sure = float(torch.tensor(RIGHT).log_softmax(0)[0])
    assert found.flatten().tolist() == pytest.approx([0, sure, 0, WORST, 0, sure, 0, 0])


def test_the_loss_counts_the_symbols_there_are():
    found = reading(SCORES)
    each = -found.logits.log_softmax(-1)[..., 0]
    assert float(classes_loss(found, LABELS, 2, 0.0)) == pytest.approx(float(each[0, 1] + each[0, 3] + each[1, 1]))
    before = float(each[0, 0] + each[0, 2] + each[1, 0])
    assert float(classes_loss(found, LABELS, 2, 0.5) - classes_loss(found, LABELS, 2, 0.0)) == pytest.approx(
        0.5 * before
    )


def test_several_samples_give_the_mean_gradient():
    """Without drawing places there is nothing to average: the loss of a copied picture is that of the picture."""
    data = digits()
    batch = next(iter(data.val_dataloader()))
    losses = []
    for samples in (1, 3):
        built = task(data, samples=samples, policy="centre")
        total, count = built.loss(batch)
        losses.append((total / count).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("objects", [1, 2])
def test_pictures_without_a_label_add_nothing(objects):
    symbols = Symbols("0123456789", most=objects)
    model = network(objects=objects, policy="centre")
    built = GlimpseReading(
        model, symbols=symbols, optimizer=torch.optim.Adam, scheduler=cosine, contents={}, policy_weight=0
    )
    batch = next(iter(digits().val_dataloader()))
    labels = torch.cat([batch.labels] * objects, dim=1)
    from dataclasses import replace

    whole = replace(batch, labels=labels)
    half = replace(batch, labels=torch.where(torch.arange(len(labels))[:, None] < 10, labels, -1))
    first = replace(
        batch, ids=batch.ids[:10], images=batch.images[:10], sizes=batch.sizes[:10], labels=whole.labels[:10]
    )
    found, expected = built.loss(half), built.loss(first)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-3)
    assert float(found[1]) == float(expected[1]) == 10


def test_it_learns_to_read_digits(tmp_path):
    data = digits()
    built = task(data)
    trainer = quiet_trainer(tmp_path, max_epochs=25, gradient_clip_val=5.0)
    pl.seed_everything(0, verbose=False)
    trainer.fit(built, data)
    assert float(trainer.callback_metrics["val/accuracy"]) > 65  # 10 by chance
    losses = [float(trainer.callback_metrics[name]) for name in ("train/loss", "val/loss")]
    assert 0.4 < losses[0] / losses[1] < 1.6, "they are shown on one axis: neither holds the policy's loss"
    threshold, accuracy, looks = built.contents["stopping"][-1]
    assert threshold > 1
    assert looks == 4
    assert accuracy == pytest.approx(float(trainer.callback_metrics["val/accuracy"]), abs=1e-4)
    assert built.contents["stopping"][0][2] < 4  # it is half sure before the end


def digits():
    splits = {"val": 0.1, "test": 0.2, "seed": 0}
    return LabelledPictures(partial(read_digits), WholePictureReader(), splits=splits, num_workers=0, batch_size=64)


def network(**settings):
    torch.manual_seed(0)
    settings = {"classes": 10, "pictures": {"channels": 1}, "looks": 4, "size": 3, "spread": 0.2, **settings}
    return RAM(partial(Recurrent, LayerNormElmanCell, hidden_size=64), what=64, where=64, glimpse=64, **settings)


def task(data, *, policy="learnt", **settings):
    return GlimpseReading(
        network(policy=policy),
        optimizer=partial(torch.optim.Adam, lr=2e-3),
        scheduler=cosine,
        contents={},
        **data.task_parts(),
        **settings,
    )
