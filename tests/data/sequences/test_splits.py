"""No subject trains and tests; what the data set says is kept; every empty split has a way out."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvision.data.sequences.blocks import gap_in_frames
from seqvision.data.sequences.records import SequenceRecord
from seqvision.data.sequences.split_lists import listed_splits
from seqvision.data.sequences.splits import SplitRule, split_sequences
from seqvision.errors import UserError


def video(name: str, *, split: str | None = None, group: str | None = None, frames: int = 4) -> SequenceRecord:
    return SequenceRecord(name, Path(f"{name}.npy"), labels=np.zeros(frames, dtype=np.int64), split=split, group=group)


def videos(subjects: int, each: int = 2) -> list[SequenceRecord]:
    return [video(f"s{subject:03}-{number}") for subject in range(subjects) for number in range(each)]


def splits_of(records: list[SequenceRecord]) -> dict[str, str | None]:
    return {record.id: record.split for record in records}


BY_SUBJECT = r"^(s\d+)-"


@given(st.integers(3, 40), st.integers(1, 3), st.integers(0, 20))
def test_whole_groups_are_drawn_and_no_split_is_empty(subjects, each, seed):
    made, _ = split_sequences(videos(subjects, each), SplitRule(group=BY_SUBJECT, seed=seed))
    assert {r.split for r in made} == {"train", "val", "test"}
    assert all(len({r.split for r in made if r.group == group}) == 1 for group in {r.group for r in made})


def test_a_group_keeps_its_split_when_others_come_and_go():
    few, _ = split_sequences(videos(60), SplitRule(group=BY_SUBJECT))
    many, _ = split_sequences(videos(90), SplitRule(group=BY_SUBJECT))
    assert splits_of(few).items() <= splits_of(many).items()


def test_a_handful_of_videos_gets_one_in_each_split_and_a_note():
    made, (note,) = split_sequences(videos(5, 1))
    assert sorted(r.split or "" for r in made) == ["test", "train", "train", "train", "val"]
    assert note.startswith("splits: 5 groups are few for data.splits.val=0.1 and data.splits.test=0.1, so that empty")


def test_sequences_without_labels_are_left_to_training():
    blank = [SequenceRecord(f"u{n}", Path("u"), labels=np.full(4, -1)) for n in range(50)]
    made, _ = split_sequences([*videos(4, 1), *blank])
    assert {r.split for r in made if r.id.startswith("u")} == {"train"}
    assert {r.split for r in made if r.id.startswith("s")} == {"train", "val", "test"}


def test_one_group_is_left_out_by_name_and_val_is_drawn_from_the_rest():
    made, notes = split_sequences(videos(5), SplitRule(group=BY_SUBJECT, test_groups=["s003"]))
    assert {r.group for r in made if r.split == "test"} == {"s003"}
    assert len({r.group for r in made if r.split == "val"}) == 1
    assert re.fullmatch(r"splits: val drawn from the groups that no list names: s00[0124]", notes[0])


def test_both_groups_by_name_override_the_data_sets_own_splits_with_a_note():
    own = [video(f"s{n}", split="train") for n in range(4)]
    made, (note,) = split_sequences(own, SplitRule(test_groups=["s0"], val_groups=["s1"]))
    assert splits_of(made) == {"s0": "test", "s1": "val", "s2": "train", "s3": "train"}
    assert note == "splits: the data set's own (train 4) are not used, data.splits.test_groups says otherwise"


def test_own_splits_are_kept_and_a_missing_val_comes_from_train_by_group():
    own = [video(f"a{n}", split="train", group=f"p{n // 2}") for n in range(20)] + [video("t", split="test")]
    made, (note,) = split_sequences(own)
    assert [r.id for r in made if r.split == "test"] == ["t"]
    assert len({r.group for r in made if r.split == "val"}) == 1
    assert "the data set brings no val; 2 of 20 training sequences drawn for it by group" in note


def test_lists_of_names_make_the_splits(tmp_path):
    (tmp_path / "train.txt").write_text("s000-0.npy\ns000-1\n")
    (tmp_path / "val.txt").write_text("./x/s001-0.txt\n")
    lists = {"train": [tmp_path / "train.txt"], "val": [tmp_path / "val.txt"]}
    made, (note,) = listed_splits(videos(2), lists)
    assert splits_of(made) == {"s000-0": "train", "s000-1": "train", "s001-0": "val"}
    assert note == "splits: 1 of 4 sequences in no list, left out: s001-1"
    (tmp_path / "val.txt").write_text("s001-0\ns000-0\n")
    with pytest.raises(UserError, match=re.escape("val.txt row 2: 's000-0' is listed in train.txt too. A sequence is")):
        listed_splits(videos(2), lists)
    (tmp_path / "val.txt").write_text("\ns001-9\n")
    with pytest.raises(UserError, match=r"val.txt row 2: 's001-9': no such sequence \(did you mean 's00.-.'\?\)"):
        listed_splits(videos(2), lists)


@given(
    frames=st.integers(40, 300),
    blocks=st.integers(3, 8),
    gap=st.integers(0, 2),
    seed=st.integers(0, 9),
    offset=st.sampled_from([None, 7]),
)
def test_blocks_cover_a_sequence_but_for_the_gaps(frames, blocks, gap, seed, offset):
    span = None if offset is None else (offset, offset + frames)
    long = SequenceRecord("long", Path("long"), labels=np.arange(frames), span=span)
    made, (note,) = split_sequences([long], SplitRule(blocks=blocks, gap=gap, seed=seed))
    assert {r.split for r in made} == {"train", "val", "test"}
    for record in made:
        start, stop = record.span
        assert record.labels.tolist() == list(range(start - (offset or 0), stop - (offset or 0)))
        assert record.id == f"long[{start}:{stop}]"
    for before, after in pairwise(made):
        assert before.split != after.split
        assert after.span[0] - before.span[1] == gap
    assert f"{gap * (len(made) - 1)} frames left out between splits" in note


def test_only_blocks_with_labels_are_evaluated():
    labels = np.full(100, -1)
    labels[20:50] = 1
    made, _ = split_sequences([SequenceRecord("long", Path("x"), labels=labels)], SplitRule(blocks=10))
    assert all((r.labels >= 0).any() for r in made if r.split != "train")


@pytest.mark.parametrize(("gap", "frames"), [(3, 3), ("12", 12), ("2s", 50), (" 0.5 s", 12), ("3 frames", 3)])
def test_a_gap_is_frames_or_seconds(gap, frames):
    assert gap_in_frames(gap, 25, "x") == frames


FOLDS = [
    (videos(9), {"group": BY_SUBJECT, "test": 0.2}),
    (videos(9), {"group": BY_SUBJECT, "test_groups": ["s001"]}),
    *((videos(5, 1), {"seed": seed}) for seed in range(8)),  # so few that test gets one of those that train
    ([*(video(f"s{n}", split="train") for n in range(7)), video("v", split="val"), video("t", split="test")], {}),
]


@pytest.mark.parametrize(("records", "rule"), FOLDS)
def test_over_all_folds_every_sequence_outside_test_validates_once(records, rule):
    made = [splits_of(split_sequences(records, SplitRule(**rule, folds=3, fold=fold))[0]) for fold in (1, 2, 3)]
    tests = [{name for name, split in each.items() if split == "test"} for each in made]
    assert tests[0]
    assert tests[0] == tests[1] == tests[2]
    validated = [name for each in made for name, split in each.items() if split == "val"]
    assert sorted(validated) == sorted(set(made[0]) - tests[0])


OWN_TRAIN = [video("a", split="train"), video("b", split="train")]


@pytest.mark.parametrize(
    ("records", "rule", "message"),
    [
        ([], {}, "no sequences to split: the data set is empty."),
        (videos(4), {"val": 0.6, "test": 0.5}, "data.splits: val=0.6 and test=0.5, expected shares with val > 0"),
        (
            videos(1, 1),
            {},
            "the split 'val' is empty: 1 sequence in 1 group gave train 1, val 0, test 0. Add sequences, name groups "
            "(data.splits.val_groups=[…]; for train fewer of the others), set another data.splits.seed, or split "
            "within the sequences with data.splits.blocks=10 data.splits.gap=2s. Without a test set: "
            "data.splits.test=0.",
        ),
        (videos(4), {"folds": 3, "fold": 4}, "data.splits: folds=3 and fold=4, expected two folds or more, and which"),
        (videos(4), {"folds": 3, "blocks": 9}, "data.splits: folds, and blocks or val_groups, exclude each other."),
        (OWN_TRAIN, {"folds": 3}, "data.splits.folds=3: 2 groups outside test (a, b); set 2 folds or fewer, or"),
        (videos(2, 1), {}, "the split 'test' is empty: 2 sequences in 2 groups gave train 1, val 1, test 0."),
        (
            videos(2, 1),
            {"group": "(x"},
            "data.splits.group='(x': not a regular expression (missing ), unterminated subpattern at position 0).",
        ),
        (videos(2, 1), {"group": "^x"}, "data.splits.group='^x': does not match 's000-0'. It must find the group"),
        (
            videos(3),
            {"group": BY_SUBJECT, "test_groups": ["S001"]},
            "data.splits.test_groups: no group 'S001' (found: s000, s001, s002) (did you mean 's001'?)",
        ),
        (
            videos(3),
            {"group": BY_SUBJECT, "test_groups": ["s000"], "val_groups": ["s000"]},
            "data.splits: group 's000' is in test_groups and in val_groups. Leave it in one.",
        ),
        (
            videos(2, 1),
            {"test_groups": ["s000-0"], "val_groups": ["s001-0"]},
            "the split 'train' is empty: 2 sequences in 2 groups gave train 0, val 1, test 1.",
        ),
        (
            videos(2),
            {"test_groups": ["s000"], "blocks": 4},
            "data.splits: blocks and test_groups or val_groups exclude",
        ),
        (videos(9), {"blocks": 0}, "data.splits.blocks=0: expected 2 or more, or null"),
        (videos(9), {"gap": "2s"}, "data.splits.gap=2s has no effect without data.splits.blocks"),
        (videos(9), {"fold": 3}, "data.splits.fold=3 has no effect without data.splits.folds"),
        (
            [*OWN_TRAIN, video("c")],
            {},
            "no split for 1 of 3 sequences, e.g. 'c', though the others have one (train 2).",
        ),
        (OWN_TRAIN[:1], {}, "the data set's own splits have no val, and one cannot be drawn from train, which has one"),
        (
            [video("a", split="train", group="p"), video("b", split="test", group="p"), video("v", split="val")],
            {},
            "group 'p' is in two splits: 'a' in train, 'b' in test, so that the scores would be of somebody who was",
        ),
        (
            [video("a", split="train"), SequenceRecord("b", Path("b"), labels=np.full(3, -1), split="val")],
            {},
            "the split 'val' has no labelled frame in its 1 sequence.",
        ),
        (videos(1, 1), {"blocks": 2}, "data.splits.blocks=2: expected 3 at least, one for each split"),
        (videos(1, 1), {"blocks": 5}, "data.splits.blocks=5: 's000-0' has 4 frames only. Set fewer blocks."),
        (
            [video("a", frames=30)],
            {"blocks": 3, "gap": 10},
            "data.splits.gap=10: 10 frames between splits leave nothing of a block of 'a', which has 10 frames.",
        ),
        (
            [video("a", frames=30)],
            {"blocks": 3, "gap": "2s"},
            "data.splits.gap=2s: 'a' has no frame rate to count seconds by. Set data.reader.frame_rate",
        ),
        (
            [video("a", frames=30)],
            {"blocks": 3, "gap": "2x"},
            "data.splits.gap=2x: expected a number of frames (50) or",
        ),
        (
            [SequenceRecord("a", "text", label="good")],
            {"blocks": 3},
            "data.splits.blocks: 'a' has no labels for its frames, so it cannot be cut.",
        ),
    ],
)
def test_what_cannot_be_split_says_what_was_found_and_what_to_set(records, rule, message):
    with pytest.raises(UserError, match=re.escape(message)):
        split_sequences(records, SplitRule(**rule))


def test_many_groups_are_counted_and_few_are_named():
    many = [video(f"a{n}", split="train") for n in range(100)] + [video("t", split="test")]
    _, (note,) = split_sequences(many)
    assert note.endswith(": 10 of 100 groups")
    _, (note,) = split_sequences([*many[:5], many[-1]])
    assert re.search(r": a\d$", note)


def test_shares_may_be_whole_numbers():
    made, _ = split_sequences(videos(12), SplitRule(test=0))
    assert {record.split for record in made} == {"train", "val"}
