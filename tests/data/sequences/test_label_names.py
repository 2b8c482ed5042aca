"""Written labels become numbers; spellings are merged on request only, and likely slips are pointed out."""

import re
from pathlib import Path

import numpy as np
import pytest

from seqvision.data.sequences.frame_labels import FrameNames, read_frame_labels
from seqvision.data.sequences.label_names import LabelRules, class_notes, encode_labels, likely_doubles
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError


def frames(text: str, where: str = "a.txt") -> FrameNames:
    names = ["" if name == "_" else name for name in text.split()]
    return FrameNames(names, where, range(1, len(names) + 1))


def test_classes_are_sorted_and_what_nobody_said_is_unknown():
    (first, second), classes, (note,) = encode_labels([frames("b a _ ?"), frames("a c")])
    assert classes == ("a", "b", "c")
    assert (first.tolist(), second.tolist()) == ([1, 0, -1, -1], [0, 2])
    assert note == (
        "labels: 2 of 6 frames in 1 of 2 sequences have no label (empty, '?', 'unlabeled', 'unlabelled'): neither "
        "trained nor scored"
    )


def test_a_name_that_no_frame_has_is_reported():
    _, _, notes = encode_labels([FrameNames(["walk", "rest"], "a.txt", [1, 2])], LabelRules(unlabelled=["?", "none"]))
    assert notes == ["labels: data.unlabelled: 'none' is nowhere in the data"]


def test_known_classes_keep_their_order_and_an_unlabelled_one_is_dropped():
    rules = LabelRules(unlabelled=["none"])
    (labels,), classes, _ = encode_labels([frames("walk none rest")], rules, known=["walk", "none", "rest", "run"])
    assert classes == ("walk", "rest", "run")
    assert labels.tolist() == [0, -1, 1]


def test_spellings_are_merged_with_a_note_and_accents_may_be_left_out():
    rules = LabelRules(merge={"Preparacao": "Preparation"})
    (labels,), classes, (note,) = encode_labels([frames("Preparação Preparation Rest")], rules)
    assert classes == ("Preparation", "Rest")
    assert labels.tolist() == [0, 0, 1]
    assert note == "labels: merged 'Preparação' into 'Preparation'"


def test_likely_double_spellings_are_reported_with_the_entry_to_write():
    names = FrameNames([*["Rest"] * 300, "rest", "Rést", *["walk_left"] * 300, "walk left"], "b.csv", range(2, 700))
    *_, (note,) = encode_labels([names])
    assert note == (
        "labels: 'Rést' (frames: 1, e.g. b.csv row 303) and 'Rest' (300), 'rest' (frames: 1, e.g. b.csv row 302) "
        "and 'Rest' (300), 'walk left' (frames: 1, e.g. b.csv row 604) and 'walk_left' (300) look like one label "
        "spelt in two ways; if so, set 'data.merge={Rest: Rest, rest: Rest, walk left: walk_left}'"
    )


def test_the_entry_that_the_note_gives_mends_what_it_found():
    names = frames("Rest Rest Rést rest walk")
    (labels,), classes, _ = encode_labels([names], LabelRules(merge={"Rest": "Rest", "rest": "Rest"}))
    assert (classes, labels.tolist()) == (("Rest", "walk"), [0, 0, 0, 0, 1])


@pytest.mark.parametrize(
    ("counts", "doubles"),
    [
        ({"Preparation": 411, "Preparação": 1, "Rest": 70}, {"Preparação": "Preparation"}),
        ({"action_01": 1, "action_02": 900}, {}),
        ({"pick left": 400, "pick right": 300}, {}),
        ({"S": 1, "P": 400}, {}),
    ],
)
def test_counted_and_common_names_are_no_doubles(counts, doubles):
    assert likely_doubles(counts) == doubles


@pytest.mark.parametrize(
    ("rules", "known", "message"),
    [
        (
            {},
            ["walk", "Rest"],
            "a.txt row 2: label 'rst' is none of the 2 classes in mapping.txt (did you mean 'Rest'?). Correct the row, "
            "add it to mapping.txt, or set 'data.merge={rst: CLASS}'.",
        ),
        ({"classes": ["walk"]}, None, "a.txt row 2: label 'rst' is none of the 1 classes in data.classes."),
        (
            {"merge": {"wlk": "walk"}},
            None,
            "data.merge: no label 'wlk' (found: rst, walk) (did you mean 'walk'?). Correct or remove the entry.",
        ),
        (
            {"unlabelled": ["walk", "rst"]},
            None,
            "none of 1 sequence has a labelled frame. Correct data.unlabelled (",
        ),
    ],
)
def test_labels_that_mean_nothing_say_what_to_do(rules, known, message):
    with pytest.raises(UserError, match=re.escape(message)):
        encode_labels([frames("walk rst")], LabelRules(**rules), known=known)


def labelled(split: str, *labels: int) -> SequenceRecord:
    return SequenceRecord(f"{split}{labels}", Path("x"), labels=np.array(labels), split=split)


def test_a_class_that_a_split_lacks_is_explained():
    records = [labelled("train", 0, 1, -1), labelled("val", 1, 2), labelled("test", 0)]
    untrained, unscored, nowhere = class_notes(records, ["rest", "walk", "rear", "dig"])
    assert untrained.startswith("classes: 'rear' is in val but never in train: the network cannot learn what it never")
    assert unscored == "classes: 'rest' is in train but not in val: learnt, but validation says nothing about it"
    assert nowhere == "classes: 'dig' is nowhere in the data: kept as a class, with no example of it"
    assert class_notes([labelled("train", 0), labelled("val", 0)], ["rest"]) == []


def test_a_class_of_several_counts_where_it_happens_and_a_sequences_class_as_well():
    several = SequenceRecord("v", Path("x"), labels=np.array([[1, 0], [0, -1]]), split="val")
    train = SequenceRecord("t", "words", label="dig", split="train")
    assert [note[:25] for note in class_notes([several, train], ["rest", "dig"])] == [
        "classes: 'rest' is in val",
        "classes: 'dig' is in trai",
    ]


def test_the_gesture_recordings_one_label_in_two_spellings_is_found_and_merged(shared_data):
    files = sorted(shared_data("gesture_phase").glob("*_raw.csv"))
    names = [read_frame_labels(file) for file in files]
    _, classes, (note,) = encode_labels(names)
    assert len(classes) == 6
    assert "'Preparação' (frames: 1, e.g. b1_raw.csv row 326) and 'Preparation' (1289)" in note
    assert note.endswith("set 'data.merge={Preparacao: Preparation}'")
    _, classes, _ = encode_labels(names, LabelRules(merge={"Preparacao": "Preparation"}))
    assert classes == ("Hold", "Preparation", "Rest", "Retraction", "Stroke")
