"""A few items of a split, drawn by the seed, for any kind of data."""

from functools import partial

import numpy as np
import pytest

from seqvision.data import PictureReader, SequenceData
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError


def data(**settings):
    pixels = np.zeros((30, 4, 4, 3), dtype=np.uint8)
    records = [SequenceRecord(str(n), p, "ab"[n % 2], split="val" if n > 19 else "train") for n, p in enumerate(pixels)]
    return SequenceData(partial(SequenceSet, records, ("a", "b")), PictureReader(order="whole"), **settings)


def ids(made, split="train"):
    return [record.id for record in made.records[split]]


def test_so_many_are_taken_the_same_for_a_seed():
    few = ids(data(take={"train": 5}))
    assert len(few) == 5
    assert few == sorted(few, key=int)
    assert ids(data(take={"train": 5})) == few
    assert ids(data(take={"train": 5}, seed=1)) != few
    assert ids(data(take={"train": 5}), "val") == ids(data(), "val")


@pytest.mark.parametrize("number", [0, -5])
def test_at_least_one_is_memorised(number):
    with pytest.raises(UserError, match=rf"data.memorise is {number}; expected 1 or more sequences, or null"):
        data(memorise=number)


@pytest.mark.parametrize("number", [0, 21])
def test_more_than_there_are_is_refused(number):
    with pytest.raises(UserError, match=rf"data.take.train is {number}; the split 'train' has 20 sequences"):
        ids(data(take={"train": number}))
