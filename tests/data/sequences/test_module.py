"""The data module of sequences: what it learns from training only, keeps, resumes and refuses."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqvision.data import FeatureReader, SequenceData
from seqvision.data.loading import Item
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.encoders import LinearFront
from seqvision.errors import UserError

SPLITS = {"train": 9, "val": 3, "test": 2}


def read(*, length=12, several=False, framewise=True):
    """Sequences whose frames have another mean in each split."""
    draws = np.random.default_rng(0)
    records = []
    for offset, (split, number) in enumerate(SPLITS.items()):
        for n in range(number):
            frames = draws.normal(10 * offset, 1 + offset, size=(length + n, 2)).astype(np.float32)
            labels = draws.integers(2, size=(len(frames), 2) if several else len(frames)) if framewise else None
            label = None if framewise else "ab"[n % 2]
            records.append(SequenceRecord(f"{split}{n}", frames, label, labels, split=split))
    return SequenceSet(records, ("a", "b"), several, ["a note"])


def data(**settings):
    return SequenceData(read, FeatureReader(), **{"batch_size": 4, "num_workers": 0, **settings})


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.front = LinearFront(2)


def test_statistics_come_from_training_alone():
    made, model = data(), Model()
    made.prepare(model, cache=None, device=torch.device("cpu"))
    assert (model.front.mean.abs() < 0.3).all(), "validation's mean is 10"
    frames = torch.cat([torch.from_numpy(record.source) for record in made.records["train"]])
    torch.testing.assert_close(model.front.mean, frames.mean(0))
    torch.testing.assert_close(model.front.deviation, frames.std(0, correction=0))


def test_what_the_network_and_the_checkpoint_are_told():
    made = data(several=True)
    assert made.model_sizes() == {"classes": 2, "frames": {"features": 2}}
    parts = made.task_parts()
    ones = sum(labels.sum(axis=0) for labels in made.labels_of("train"))
    frames = sum(map(len, made.labels_of("train")))
    assert parts.pop("counts").tolist() == [(frames - ones).tolist(), ones.tolist()]
    assert parts == {"classes": ("a", "b"), "multilabel": True}
    held = made.held()
    assert (held["classes"], held["multilabel"], held["reader"]["kind"]) == (["a", "b"], True, "FeatureReader")
    assert made.summary() == "sequences: 9 train, 3 val, 2 test; 2 classes\n  a note"


def test_evaluation_sees_whole_sequences_in_order_without_augmentation():
    made = data(window=5, augmentation={"noise": lambda x: x + torch.randn_like(x)}, evaluation_batch_size=2)
    batches = list(made.val_dataloader())
    assert [id for batch in batches for id in batch.ids] == ["val0", "val1", "val2"]
    assert [length for batch in batches for length in batch.lengths.tolist()] == [12, 13, 14]
    assert torch.equal(batches[0].frames[1, :13], torch.from_numpy(made.records["val"][1].source))


def test_training_windows_go_on_in_the_next_batch():
    made = data(window=5)
    loader = made.train_dataloader()
    before, goes_on = None, 0
    for batch in loader:
        assert batch.lengths.max() <= 5
        for row, (id, start) in enumerate(zip(batch.ids, batch.starts, strict=True)):
            if before is not None and start:
                assert (before.ids[row], before.starts[row] + int(before.lengths[row])) == (id, start)
                goes_on += 1
        before = batch
    assert goes_on > 10


def test_augmented_training_frames_are_those_read_once():
    made = data(augmentation={"more": lambda x: x + 1})
    training, whole = made.dataset("train", training=True), made.dataset("train", training=False)
    assert training.kept is whole.kept
    (changed,), (plain,) = (each.__getitems__([Item(0, 0)]).frames for each in (training, whole))
    assert torch.equal(changed, plain + 1), "what is kept is not changed"


def test_a_loader_goes_on_in_the_middle_of_an_epoch_of_windows():
    calm = list(data(window=5).train_dataloader())
    first = data(window=5)
    loader = iter(first.train_dataloader())
    for _ in range(3):
        next(loader)
    second = data(window=5)
    second.load_state_dict(first.state_dict())
    rest = list(second.train_dataloader())
    assert len(rest) == len(calm) - 3
    for expected, found in zip(calm[3:], rest, strict=True):
        assert (expected.ids, expected.starts) == (found.ids, found.starts)
        assert torch.equal(expected.frames, found.frames)


def test_memorising_validates_on_what_is_trained_on():
    made = data(memorise=2)
    assert [record.id for record in made.records["train"]] == ["train0", "train1"]
    assert made.records["val"] == made.records["train"]


@pytest.mark.parametrize("window", [0, -3])
def test_a_window_needs_frames(window):
    with pytest.raises(
        UserError, match=rf"data\.window is {window}, expected a number of frames, 1 or more, auto or null"
    ):
        data(window=window)


def test_windows_sorted_by_length_would_lose_their_states():
    with pytest.raises(UserError, match=r"data\.window=5 and data\.sort_by_length=true.*sort_by_length=false"):
        data(window=5, sort_by_length=True)


def test_a_class_in_validation_only_is_a_class_of_the_network():
    def uneven(**_):
        found = read(framewise=False)
        records = [replace(r, label="c") if r.id == "val0" else r for r in found.records]
        return SequenceSet(records, ("a", "b", "c"))

    made = SequenceData(uneven, FeatureReader(), num_workers=0)
    assert made.model_sizes()["classes"] == 3
    (batch,) = made.val_dataloader()
    assert batch.classes.tolist() == [2, 1, 0]


def trainer(**settings):
    known = {"global_rank": 0, "world_size": 1, "num_devices": 1, "accumulate_grad_batches": 1, "max_epochs": 20}
    return SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")), **{**known, **settings})


@pytest.mark.parametrize(
    ("settings", "running", "said"),
    [
        (
            {"batch_size": 8},
            {},
            r"9 sequences with data\.batch_size=8 make 2 steps an epoch, 40 in all.*"
            r"Set data\.batch_size=1 trainer\.max_epochs=112",
        ),
        ({"batch_size": 64}, {}, r"data\.batch_size=64 make 1 step an epoch"),
        (
            {"batch_size": 64, "window": 2},
            {},
            r"74 windows with data\.batch_size=64 make 2 steps.*Set data\.batch_size=9 ",
        ),
        ({"batch_size": 4}, {"world_size": 2}, r"Set data\.batch_size=2 "),
        (
            {"batch_size": 2},
            {"accumulate_grad_batches": 2},
            r"and trainer\.accumulate_grad_batches=2 make 3 steps.*=1 trainer\.accumulate_grad_batches=1",
        ),
        ({"batch_size": 8}, {"max_epochs": 150}, None),  # enough in all
        ({"batch_size": 2}, {}, r"make 5 steps an epoch, 100 in all.*Set trainer\.max_epochs=200"),
        ({"batch_size": 2}, {"max_epochs": 60}, None),
        ({"batch_size": 1}, {"max_epochs": 3}, r"27 in all.*Set trainer\.max_epochs=112"),  # nothing smaller
        ({"batch_size": 8}, {"global_rank": 1, "world_size": 2}, None),  # one process says it
        ({"batch_size": 1, "memorise": 2}, {}, r"2 sequences .* Set trainer\.max_epochs=500"),
    ],
)
def test_an_epoch_of_few_steps_is_said_with_what_to_set(caplog, settings, running, said):
    made = data(**settings)
    made.trainer = trainer(**running)
    made.train_dataloader()
    messages = [record.getMessage() for record in caplog.records if "few steps" in record.getMessage()]
    assert len(messages) == (said is not None)
    if said:
        assert re.search(said, messages[0]), messages[0]


def test_fewer_sequences_than_processes_are_refused():
    made = data()
    made.trainer = trainer(global_rank=3, world_size=4, num_devices=4, num_nodes=1)
    with pytest.raises(UserError, match=r"3 sequences in 'val' for 4 processes, .* trainer\.devices=1, or 4 sequences"):
        made.val_dataloader()


@pytest.mark.parametrize("framewise", [True, False])
def test_classes_are_counted_in_training_alone(framewise):
    made = data(framewise=framewise)
    counts = made.counts().tolist()
    if framewise:
        assert counts == np.bincount(np.concatenate(made.labels_of("train")), minlength=2).tolist()
    else:
        assert counts == [5, 4]


@pytest.mark.parametrize(
    ("length", "batch_size", "window"),
    [(300, 4, 100), (300, 2, None), (120, 4, None)],  # few and long; enough of them; short
)
def test_few_long_recordings_are_trained_in_windows(length, batch_size, window):
    made = SequenceData(read, FeatureReader(), length=length, window="auto", batch_size=batch_size, num_workers=0)
    assert made.window == window
