"""Splits are drawn by picture, the same everywhere, or kept as they were made."""

import re
from pathlib import Path

import pytest

from seqvision.data.records import CaptionRecord
from seqvision.data.splits import assign_splits, check_shares, hashed_split
from seqvision.errors import UserError


def records(number: int, *splits: str | None) -> list[CaptionRecord]:
    splits = splits or (None,)
    return [CaptionRecord(f"{n}.jpg", Path(f"{n}.jpg"), ("one", "two"), splits[n % len(splits)]) for n in range(number)]


def test_the_drawn_split_is_the_same_on_every_machine():
    drawn = [hashed_split(f"{number}.jpg", val=0.25, test=0.25) for number in range(8)]
    assert drawn == ["train", "train", "train", "train", "test", "val", "val", "test"]


def test_the_shares_come_out_and_another_seed_draws_others():
    counts = [r.split for r in assign_splits(records(4000), val=0.1, test=0.2)]
    assert 340 < counts.count("val") < 460
    assert 720 < counts.count("test") < 880
    assert counts != [r.split for r in assign_splits(records(4000), val=0.1, test=0.2, seed=1)]


def test_a_picture_keeps_its_split_when_others_come_and_go():
    few, many = assign_splits(records(200)), assign_splits(records(500))
    assert few == many[:200]


def test_splits_made_by_hand_are_kept_and_may_lack_a_test():
    made = records(10, "train", "val")
    assert assign_splits(made, val=0.5, test=0.4) == made


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (
            records(6, "train", "test"),
            {},
            "the split 'val' is empty: 6 pictures by the data set's own splits gave train 3, val 0, test 3.",
        ),
        (records(3), {"val": 0.01}, "the split 'val' is empty: 3 pictures by data.splits.val=0.01, data.splits.test"),
        (records(6, "train", None), {}, "3 of 6 pictures have no split, e.g. '1.jpg', though the others have one"),
        (records(6), {"val": 0.6, "test": 0.5}, "data.splits: val=0.6 and test=0.5, expected shares"),
    ],
)
def test_what_cannot_be_split_says_what_was_found(given, options, message):
    with pytest.raises(UserError, match=re.escape(message)):
        assign_splits(given, **options)


@pytest.mark.parametrize("share", ["two", True, None, [0.1]])
def test_a_share_that_is_no_number_is_named(share):
    with pytest.raises(UserError, match=r"data.splits: val=.*expected shares"):
        check_shares(share, 0.1)
