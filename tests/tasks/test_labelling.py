"""Labelling in windows: the state is carried, its history is not, and a run that stops in between goes on as if not."""

from functools import partial

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback
from quiet_trainer import quiet_trainer
from sequence_models import CELLS, FEATURES, network
from torch.utils.data import DataLoader

from seqvision.data import FeatureReader, SequenceData
from seqvision.data.sequences.batches import sequence_batch
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.losses import FrameBinaryCrossEntropy, FrameCrossEntropy
from seqvision.metrics import frame_scores
from seqvision.optim import constant
from seqvision.rnn import GRUCell, LSTMCell
from seqvision.tasks import Labelling

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*have no `val_dataloader`"),
]
CLASSES = ("a", "b", "c")


def task(cell=GRUCell, *, loss=None, rate=0.1, optimizer=torch.optim.SGD, multilabel=False, **settings):
    return Labelling(
        network(cell=cell, **settings).train(),
        classes=CLASSES,
        loss=loss or FrameCrossEntropy(smoothing=0.0),
        multilabel=multilabel,
        optimizer=partial(optimizer, lr=rate),
        scheduler=constant,
        contents={},
    )


def sequence(length, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(length, FEATURES, generator=draws), torch.randint(3, (length,), generator=draws)


def window(*parts):
    """A batch of windows (name, frames, labels, start, stop)."""
    names, frames, labels, starts, stops = zip(*parts, strict=True)
    cut = list(zip(starts, stops, strict=True))
    return sequence_batch(
        list(names),
        [x[a:b] for x, (a, b) in zip(frames, cut, strict=True)],
        labels=[y[a:b] for y, (a, b) in zip(labels, cut, strict=True)],
        starts=list(starts),
    )


@pytest.mark.parametrize("cell", CELLS)
def test_windows_give_the_loss_of_the_unbroken_sequence(cell):
    one, other = sequence(12, 1), sequence(9, 2)
    module = task(cell)
    whole = window(("one", *one, 0, 12), ("other", *other, 0, 9))
    expected, _ = module.loss(whole)
    module._carried = None
    cuts = [(0, 4), (4, 8), (8, 12)]
    parts = [
        module.loss(window(("one", *one, a, b), *([("other", *other, a, min(b, 9))] if a < 9 else [])))[0]
        for a, b in cuts
    ]
    torch.testing.assert_close(sum(parts), expected)


def test_a_new_sequence_begins_with_a_state_of_its_own():
    one, other = sequence(8, 1), sequence(8, 2)
    module = task()
    alone, _ = module.loss(window(("other", *other, 0, 4)))
    module.loss(window(("one", *one, 0, 4)))
    after, _ = module.loss(window(("other", *other, 0, 4)))
    torch.testing.assert_close(after, alone)
    module._carried = None
    fresh, _ = module.loss(window(("other", *other, 4, 8)))
    module.loss(window(("other", *other, 0, 2)))
    jumped, _ = module.loss(window(("other", *other, 4, 8)))
    torch.testing.assert_close(jumped, fresh, msg="frames 2 and 3 are missing: the state is not that of frame 4")
    module.loss(window(("other", *other, 0, 4)))
    carried, _ = module.loss(window(("other", *other, 4, 8)))
    assert not torch.allclose(carried, fresh), "the state makes no difference, so that this test says nothing"


def test_one_row_goes_on_while_another_begins_anew():
    one, other = sequence(8, 1), sequence(8, 2)
    module = task(LSTMCell)
    module.loss(window(("one", *one, 0, 4), ("other", *other, 4, 8)))
    mixed, _ = module.loss(window(("one", *one, 4, 8), ("other", *other, 0, 4)))
    module._carried = None
    module.loss(window(("one", *one, 0, 4)))
    goes_on, _ = module.loss(window(("one", *one, 4, 8)))
    module._carried = None
    anew, _ = module.loss(window(("other", *other, 0, 4)))
    torch.testing.assert_close(mixed, goes_on + anew)


def test_the_gradient_stays_in_the_window():
    one = sequence(8, 1)
    module = task()
    first = window(("one", *one, 0, 4))
    first.frames.requires_grad_()
    loss, _ = module.loss(first)
    loss.backward()
    before = first.frames.grad.clone()
    module.model.zero_grad()
    second, _ = module.loss(window(("one", *one, 4, 8)))
    second.backward()
    assert torch.equal(first.frames.grad, before)
    found = [parameter.grad.clone() for parameter in module.model.parameters()]
    # the same by hand: the state as a number
    with torch.no_grad():
        _, state = module.model(one[0][None, :4], torch.tensor([4]))
    module.model.zero_grad()
    logits, _ = module.model(one[0][None, 4:], torch.tensor([4]), state)
    torch.nn.functional.cross_entropy(logits[0], one[1][4:], reduction="sum").backward()
    for expected, gradient in zip(module.model.parameters(), found, strict=True):
        torch.testing.assert_close(gradient, expected.grad)


def test_a_bidirectional_network_carries_nothing():
    one = sequence(8, 1)
    module = task(bidirectional=True)
    alone, _ = module.loss(window(("one", *one, 4, 8)))
    module.loss(window(("one", *one, 0, 4)))
    after, _ = module.loss(window(("one", *one, 4, 8)))
    assert torch.equal(after, alone)


def read(**_):
    draws = np.random.default_rng(3)
    records = []
    for n, length in enumerate([23, 17, 9, 30, 14, 11, 26]):
        frames = draws.normal(size=(length, FEATURES)).astype(np.float32)
        labels = (np.cumsum(frames[:, 0]) > 0).astype(int) + (frames[:, 1] > 1)
        records.append(SequenceRecord(f"r{n}", frames, labels=labels, split="val" if n == 6 else "train"))
    return SequenceSet(records, CLASSES)


def data():
    return SequenceData(read, FeatureReader(), window=5, batch_size=3, num_workers=0, seed=1)


class StopAt(Callback):
    """Saves and ends the run after a step, wherever the epoch is."""

    def __init__(self, step, file):
        self.step, self.file = step, file

    def on_train_batch_end(self, trainer, pl_module, *_):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.file)
            raise KeyboardInterrupt


@pytest.mark.few(1)
@pytest.mark.parametrize("cell", [GRUCell, LSTMCell])
@pytest.mark.parametrize("step", [3, 4, 9])
def test_a_run_that_stops_between_two_windows_goes_on_bit_for_bit(tmp_path, cell, step):
    settings = {"dropout": 0.3, "optimizer": torch.optim.Adam, "rate": 1e-2}
    calm = task(cell, **settings)
    quiet_trainer(tmp_path, max_epochs=2).fit(calm, datamodule=data())
    file = tmp_path / "middle.ckpt"
    with pytest.raises(SystemExit):
        quiet_trainer(tmp_path, max_epochs=2, callbacks=[StopAt(step, file)]).fit(
            task(cell, **settings), datamodule=data()
        )
    held = torch.load(file, weights_only=True)
    assert held["global_step"] == step
    assert held["carried"][0][1], "where each row stopped"
    found = task(cell, **settings)
    quiet_trainer(tmp_path, max_epochs=2).fit(found, datamodule=data(), ckpt_path=file, weights_only=True)
    for name, weight in calm.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[name], weight), name
    forgetful = task(cell, **settings)
    forgetful.on_load_checkpoint = lambda checkpoint: None
    quiet_trainer(tmp_path, max_epochs=2).fit(forgetful, datamodule=data(), ckpt_path=file, weights_only=True)
    same = [torch.equal(forgetful.model.state_dict()[name], weight) for name, weight in calm.model.state_dict().items()]
    assert not all(same), "the state makes no difference here, so that this test says nothing"


@pytest.mark.parametrize("bidirectional", [False, True])
def test_validation_sees_whole_sequences(tmp_path, bidirectional):
    module = task(bidirectional=bidirectional)
    runner = quiet_trainer(tmp_path, max_epochs=2)
    runner.validate(module, datamodule=data(), verbose=False)
    record = data().records["val"][0]
    module.eval()
    with torch.no_grad():
        logits, _ = module.model(torch.from_numpy(record.source).unsqueeze(0), torch.tensor([len(record.labels)]))
    scores = frame_scores([logits[0].argmax(-1).numpy()], [record.labels], classes=CLASSES, background=()).corpus
    found = {name: float(value) for name, value in runner.callback_metrics.items()}
    for name, value in scores.items():
        assert found[f"val/{name}"] == pytest.approx(value, abs=1e-3)
    expected = np.mean([scores["accuracy"], scores["edit"], scores["f1@25"]])
    assert found["val/score"] == pytest.approx(expected, abs=1e-3)


def test_thresholds_of_validation_go_into_the_checkpoint(tmp_path):
    def several(**_):
        records = [
            SequenceRecord(
                r.id, r.source, labels=np.stack([r.labels == 0, r.labels > 0, r.labels > 1], 1) * 1, split=r.split
            )
            for r in read().records
        ]
        return SequenceSet(records, CLASSES, multilabel=True)

    module = task(loss=FrameBinaryCrossEntropy(smoothing=0.0), multilabel=True)
    runner = quiet_trainer(tmp_path, max_epochs=2)
    runner.fit(module, datamodule=SequenceData(several, FeatureReader(), batch_size=3, num_workers=0))
    runner.save_checkpoint(tmp_path / "last.ckpt")
    held = torch.load(tmp_path / "last.ckpt", weights_only=True)["seqvision"]
    assert len(held["thresholds"]) == 3
    assert float(runner.callback_metrics["val/score"]) == float(runner.callback_metrics["val/macro_f1"])


def test_unlabelled_frames_count_for_nothing():
    frames, labels = sequence(8, 1)
    partly = labels.clone()
    partly[2:5] = -1
    module = task()
    loss, count = module.loss(window(("one", frames, partly, 0, 8)))
    logits, _ = module.model(frames[None], torch.tensor([8]))
    known = partly >= 0
    expected = torch.nn.functional.cross_entropy(logits[0][known], labels[known], reduction="sum")
    torch.testing.assert_close(loss, expected)
    assert int(count) == 5


def test_a_batch_is_memorised_by_the_task(tmp_path):
    batch = window(*[(f"s{n}", *sequence(7, n), 0, 7) for n in range(4)])
    module = task(hidden_size=24, rate=2e-2, optimizer=torch.optim.Adam)
    runner = quiet_trainer(tmp_path, max_epochs=120, gradient_clip_val=1.0)
    loader = DataLoader([batch], batch_size=None)
    runner.fit(module, loader)
    runner.validate(module, loader, verbose=False)
    assert float(runner.callback_metrics["val/accuracy"]) == 100
