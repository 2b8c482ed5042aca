"""Sequences to batches, whole and in windows: every frame once, in lanes that go on where they stopped."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvision.data import FeatureReader
from seqvision.data.loading import Item, TrainBatches
from seqvision.data.sequences.batches import sequence_batch
from seqvision.data.sequences.dataset import Lanes, SequenceDataset, Window, windows_of
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError

CLASSES = ("a", "b", "c")
READER = FeatureReader(features=2)


def numbered(length, offset=0):
    """Frames (length, 2) that say their place."""
    return np.stack([np.arange(length) + offset, -np.arange(length) - offset], axis=1).astype(np.float32)


def labelled(lengths, spans=None):
    return [
        SequenceRecord(
            f"r{n}",
            numbered(length, 100 * n),
            labels=np.arange(length) % 3 if not spans else np.arange(spans[n][1] - spans[n][0]) % 3,
            span=spans[n] if spans else None,
        )
        for n, length in enumerate(lengths)
    ]


def items(*places):
    return [Item(place, place) for place in places]


def test_a_batch_is_padded_with_zeros_and_unlabelled_frames():
    batch = SequenceDataset(labelled([4, 2]), READER, CLASSES).__getitems__(items(0, 1))
    assert batch.frames.shape == (2, 4, 2)
    assert batch.lengths.tolist() == [4, 2]
    assert not batch.frames[1, 2:].any()
    assert batch.labels.tolist() == [[0, 1, 2, 0], [0, 1, -1, -1]]
    assert (batch.ids, batch.starts, batch.classes) == (["r0", "r1"], [0, 0], None)


def test_a_span_is_a_part_of_a_recording():
    dataset = SequenceDataset(labelled([20, 20], spans=[(5, 9), (0, 3)]), READER, CLASSES)
    batch = dataset.__getitems__(items(0, 1))
    assert batch.frames[0, :, 0].tolist() == [5, 6, 7, 8]
    assert batch.frames[1, :3, 0].tolist() == [100, 101, 102]
    cut = SequenceDataset(labelled([20, 20], spans=[(5, 9), (0, 3)]), READER, CLASSES, window=3)
    assert [tuple(window) for window in cut.windows] == [(0, 0, 3), (0, 3, 4), (1, 0, 3)]
    assert cut.__getitems__(items(1)).frames[0, :, 0].tolist() == [8]


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("features", [False, True])
def test_windows_hold_every_frame_once_with_its_label(keep, features):
    records = labelled([7, 3, 5])
    held = {record.id: torch.from_numpy(record.source) for record in records} if features else None
    dataset = SequenceDataset(records, READER, CLASSES, window=3, keep=keep, features=held)
    seen = Counter()
    for _ in range(2):  # the second time from memory, where frames are kept
        for place in range(len(dataset)):
            batch = dataset.__getitems__(items(place))
            assert len(batch.frames[0]) == dataset.length(Item(place, 0)) <= 3
            numbers = batch.frames[0, :, 0].int() - 100 * int(batch.ids[0][1:])
            assert numbers.tolist() == list(range(batch.starts[0], batch.starts[0] + len(numbers)))
            assert batch.labels[0].tolist() == (numbers % 3).tolist()
            seen.update((batch.ids[0], number) for number in numbers.tolist())
    assert set(seen.values()) == {2}
    assert len(seen) == 15


def test_kept_frames_are_read_once(monkeypatch):
    read = []
    original = FeatureReader.read
    monkeypatch.setattr(FeatureReader, "read", lambda self, *what: read.append(what[1:]) or original(self, *what))
    dataset = SequenceDataset(labelled([6, 6]), READER, CLASSES, window=2, keep=True)
    batches = [dataset.__getitems__(items(*range(6))) for _ in range(3)]
    assert len(read) == 2
    assert all(torch.equal(batch.frames, batches[0].frames) for batch in batches)


def test_several_labels_a_frame_and_no_labels_at_all():
    matrix = np.array([[1, 0], [0, -1], [1, 1]])
    records = [SequenceRecord("m", numbered(3), labels=matrix), SequenceRecord("n", numbered(2), labels=matrix[:2])]
    batch = SequenceDataset(records, READER, CLASSES[:2]).__getitems__(items(0, 1))
    assert batch.labels.shape == (2, 3, 2)
    assert batch.labels[1, 2].tolist() == [-1, -1]
    mixed = [SequenceRecord("x", numbered(3), labels=np.array([0, 1, 2])), SequenceRecord("y", numbered(2))]
    batch = SequenceDataset(mixed, READER, CLASSES).__getitems__(items(0, 1))
    assert batch.labels[1].tolist() == [-1, -1, -1], "nobody said: neither trained nor scored"


def test_classes_of_whole_sequences():
    records = [SequenceRecord("x", numbered(3), label="b"), SequenceRecord("y", numbered(2))]
    batch = SequenceDataset(records, READER, CLASSES).__getitems__(items(0, 1))
    assert batch.classes.tolist() == [1, -1]
    assert batch.labels is None


def test_augmentation_depends_on_the_item_alone_and_leaves_the_generator():
    dataset = SequenceDataset(labelled([4, 4]), READER, CLASSES, augmentation=[lambda x: x + torch.randn(1)])
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    both = dataset.__getitems__([Item(0, 5), Item(1, 6)])
    assert torch.equal(torch.rand(1), expected)
    (alone,) = dataset.__getitems__([Item(1, 6)]).frames
    assert torch.equal(alone, both.frames[1]), "whatever shares the batch"
    assert not torch.equal(dataset.__getitems__([Item(1, 7)]).frames[0], alone), "another epoch, another draw"


def test_labels_that_do_not_fit_are_an_error():
    records = [SequenceRecord("clip.npy", numbered(5), labels=np.zeros(4, dtype=int))]
    with pytest.raises(UserError, match=r"clip\.npy: 5 frames, but 4 labels; see data\.align"):
        SequenceDataset(records, READER, CLASSES).__getitems__(items(0))


def test_frames_of_two_shapes_are_an_error():
    with pytest.raises(UserError, match=r"'one' has \[3\], 'two' has \[2\].*same features"):
        sequence_batch(["one", "two"], [torch.zeros(4, 3), torch.zeros(4, 2)])


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    size=st.integers(1, 9),
    rows=st.integers(1, 8),
    seed=st.integers(0, 9),
)
def test_lanes_hold_every_window_once_and_go_on_where_they_stopped(lengths, size, rows, seed):
    windows = windows_of(lengths, size)
    order = Lanes(windows, rows)(generator=torch.Generator().manual_seed(seed)).tolist()
    assert sorted(order) == list(range(len(windows))), "every window exactly once"
    batches = [[windows[place] for place in order[at : at + rows]] for at in range(0, len(order), rows)]
    jumps = 0
    for before, after in pairwise(batches):
        for old, new in zip(before, after, strict=False):
            if new.start:  # the middle of a record: what came before it was in the same row
                assert (old.record, old.stop) == (new.record, new.start)
            else:
                assert old.stop == lengths[old.record], "a record is left at its end only"
            jumps += new.start == 0
    middles = sum(window.start > 0 for window in batches[0])
    assert jumps + len(batches[0]) == len(lengths) + middles, "only lanes begin within a record"


def test_lanes_differ_from_epoch_to_epoch():
    lanes = Lanes(windows_of([9, 5, 7, 3, 8], 2), 2)
    first, second = (lanes(generator=torch.Generator().manual_seed(seed)).tolist() for seed in (0, 1))
    assert first != second
    assert lanes(generator=torch.Generator().manual_seed(0)).tolist() == first


def test_each_process_keeps_its_own_lanes():
    windows = windows_of([40, 33, 27, 12], 4)
    lanes = Lanes(windows, 4)
    for rank in (0, 1):
        batches = [
            [windows[item.record] for item in batch]
            for batch in TrainBatches(len(windows), 2, rank=rank, ranks=2, order=lanes)
        ]
        for before, after in pairwise(batches):
            for old, new in zip(before, after, strict=False):
                assert new.start == 0 or old == Window(new.record, old.start, new.start)
