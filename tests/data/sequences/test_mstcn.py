"""Action segmentation's usual layout is read as published; nothing is taken from a test split."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqvision.data.sequences.formats.mstcn import read_mapping, read_mstcn, subject
from seqvision.data.sequences.readers.features import FeatureReader
from seqvision.errors import UserError

NAMES = ("rgb-01-1", "rgb-01-2", "rgb-02-1", "rgb-02-2", "rgb-03-1")


@pytest.fixture
def salads(tmp_path: Path) -> Callable[..., Path]:
    """Five videos of three people, the last of which is the test; files can be changed or taken away."""

    def make(changes: dict[str, str | None] | None = None) -> Path:
        files: dict[str, str | None] = {
            "mapping.txt": "0 cut\n1 peel tomato\n",
            "splits/train.split1.bundle": "".join(f"{name}.txt\n" for name in NAMES[:4]),
            "splits/test.split1.bundle": f"{NAMES[4]}.txt\n",
        }
        (tmp_path / "features").mkdir()
        for number, name in enumerate(NAMES):
            np.save(tmp_path / "features" / f"{name}.npy", np.zeros((3, 5 + number), dtype=np.float32))
            files[f"groundTruth/{name}.txt"] = "cut\n" * 4 + "peel tomato\n" * (number + 1)
        for name, text in {**files, **(changes or {})}.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.unlink(missing_ok=True)
            if text is not None:
                file.write_text(text)
        return tmp_path

    return make


def test_a_split_is_read_with_whole_people_drawn_for_val(salads):
    found = read_mstcn(salads())
    assert found.classes == ("cut", "peel tomato")
    by_split = {split: {r.id for r in found.records if r.split == split} for split in ("train", "val", "test")}
    assert by_split["test"] == {"rgb-03-1"}
    assert {frozenset(by_split["train"]), frozenset(by_split["val"])} == {frozenset(NAMES[:2]), frozenset(NAMES[2:4])}
    assert found.records[-1].labels.tolist() == [0] * 4 + [1] * 5
    layout, drawn = found.notes
    assert layout.startswith("features: data.reader.layout=features_first, because the second axis is as long as the")
    assert re.search(r"brings no val; 2 of 4 training sequences drawn for it by group .*: rgb-0[12]$", drawn)


def test_a_val_bundle_is_kept_and_videos_in_no_list_are_left_out_with_a_note(salads):
    found = read_mstcn(
        salads({"splits/val.split1.bundle": "rgb-02-1\n", "splits/train.split1.bundle": "rgb-01-1\nrgb-01-2\n"})
    )
    assert [r.split for r in found.records] == ["train", "train", "val", "test"]
    assert found.notes[0] == "splits: 1 of 5 sequences in no list, left out: rgb-02-2"


def test_frames_without_a_label_are_unknown(salads):
    found = read_mstcn(
        salads({"groundTruth/rgb-01-1.txt": "cut\n\n?\nwho knows\ncut\n"}), unlabelled=["?", "who knows"]
    )
    assert found.records[0].labels.tolist() == [0, -1, -1, -1, 0]
    assert any(
        note.startswith("labels: 3 of 35 frames in 1 of 5 sequences have no label (empty, '?', 'who knows'):")
        for note in found.notes
    )


def test_without_lists_the_videos_are_split_by_person(salads):
    folder = salads({"splits/train.split1.bundle": None, "splits/test.split1.bundle": None})
    found = read_mstcn(folder)
    assert {r.split for r in found.records} == {"train", "val", "test"}
    assert {r.group for r in found.records} == {"rgb-01", "rgb-02", "rgb-03"}


def test_a_class_that_training_lacks_is_pointed_out(salads):
    found = read_mstcn(
        salads({"mapping.txt": "0 cut\n1 peel tomato\n2 mix\n", "groundTruth/rgb-03-1.txt": "mix\n" * 9})
    )
    assert any(note.startswith("classes: 'mix' is in test but never in train") for note in found.notes)


def test_lengths_that_differ_are_the_users_decision(salads):
    folder = salads({"groundTruth/rgb-02-2.txt": "cut\n" * 9})
    with pytest.raises(UserError) as error:
        read_mstcn(folder)
    assert str(error.value).startswith(
        f"{folder}/features/rgb-02-2.npy holds 8 frames, {folder}/groundTruth/rgb-02-2.txt 9 labels: there must be"
    )
    found = read_mstcn(folder, align="truncate")
    assert len(found.records[3].labels) == 8
    assert any(note.startswith("data.align=truncate: in 1 of 5 sequences frames and labels") for note in found.notes)


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("rgb-01-1", "rgb-01"),
        ("S1_Cheese_C1", "S1"),
        ("P03_cam01_P03_cereals", "P03"),
        ("split1_v0", None),
        ("walk", None),
    ],
)
def test_the_subject_is_found_in_published_names(name, who):
    assert subject(name) == who


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (
            {"groundTruth/rgb-01-2.txt": "cut\npeel tomatoe\n"},
            {},
            "rgb-01-2.txt row 2: label 'peel tomatoe' is none of the 2 classes in mapping.txt (did you mean 'peel "
            "tomato'?). Correct the row, add it to mapping.txt, or set 'data.merge={peel tomatoe: CLASS}'.",
        ),
        (
            {},
            {"split": 2},
            "no train.split2.bundle (found: test.split1.bundle, train.split1.bundle). Set data.split to",
        ),
        (
            {"splits/train.split1.bundle": None, "splits/test.split1.bundle": None},
            {"split": 2},
            "data.split=2 has no effect: there are no lists such as ",
        ),
        ({"groundTruth/rgb-01-2.txt": None}, {}, "no labels 'rgb-01-2.txt' for 'rgb-01-2' (1 of 5 lack them) (did you"),
        (
            {"splits/train.split1.bundle": "rgb-01-1.txt\nrgb-01-9.txt\n"},
            {},
            "train.split1.bundle row 2: 'rgb-01-9.txt': no such sequence (did you mean 'rgb-01-",
        ),
        (
            {"splits/test.split1.bundle": "rgb-01-1.txt\n"},
            {},
            "train.split1.bundle row 1: 'rgb-01-1.txt' is listed in test.split1.bundle too. A sequence is in",
        ),
        (
            {"splits/train.split1.bundle": "rgb-01-1\n", "splits/test.split1.bundle": "rgb-01-2\n"},
            {"splits": {"group": ".+"}},
            "the data set's own splits have no val, and one cannot be drawn from train, which has one group",
        ),
        (
            {"splits/train.split1.bundle": "rgb-01-1\nrgb-02-1\n", "splits/test.split1.bundle": "rgb-01-2\n"},
            {"splits": {"seed": 1}},
            "group 'rgb-01' is in two splits: 'rgb-01-1' in",
        ),
        ({"mapping.txt": "cut\n"}, {}, "mapping.txt row 1: 'cut', expected a number and a class, '3 cut_tomato'."),
        ({"mapping.txt": "0 a\n\n0 b\n"}, {}, "mapping.txt row 3: '0 b': number or class is there already. Keep one."),
        ({"groundTruth/rgb-01-1.txt": ""}, {}, "rgb-01-1.txt: the file is empty (0 bytes)."),
        ({}, {"features": "scores"}, "no folder scores/ in it; expected features/VIDEO.npy, groundTruth/VIDEO.txt"),
        ({}, {"features": "splits"}, "test.split1.bundle row 1: 'rgb-03-1.txt': no such sequence. Write the"),
    ],
)
def test_broken_folders_say_what_is_wrong_and_what_to_do(salads, changes, options, message):
    with pytest.raises(UserError, match=re.escape(message)):
        read_mstcn(salads(changes), **options)


def test_an_empty_folder_of_features_is_refused(tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "groundTruth").mkdir()
    with pytest.raises(UserError, match=r"features: no files in it; expected features/VIDEO\.npy"):
        read_mstcn(tmp_path)


def test_a_mapping_is_in_the_order_of_its_numbers(tmp_path):
    (tmp_path / "mapping.txt").write_text("1 b c\n0 a\n")
    assert read_mapping(tmp_path / "mapping.txt") == ["a", "b c"]
    assert read_mapping(tmp_path / "none.txt") is None


@pytest.mark.parametrize(("name", "videos", "test", "classes"), [("50salads", 40, 10, 18), ("gtea", 14, 7, 11)])
def test_published_sets_read_as_they_are(shared_data, name, videos, test, classes):
    folder = shared_data(name)
    for split in range(1, videos // test + 1):
        found = read_mstcn(folder, split=split)
        assert len(found.records) == videos
        assert len(found.classes) == classes
        tested = {r.id for r in found.records if r.split == "test"}
        listed = (folder / "splits" / f"test.split{split}.bundle").read_text().split()
        assert tested == {name.removesuffix(".txt") for name in listed}
        held = [r for r in found.records if r.split == "val"]
        assert len(held) == max(1, round((videos - test) * 0.1))
        assert all((r.labels >= 0).all() for r in found.records)
        assert any("say no subject, so every video is a group by itself" in note for note in found.notes)


def test_a_whole_fold_can_be_held_out(shared_data):
    found = read_mstcn(shared_data("50salads"), split=1, splits={"group": r"^(split\d+)"})
    assert len({r.group for r in found.records if r.split == "val"}) == 1
    assert sum(r.split == "val" for r in found.records) == 10


def test_a_layout_that_the_user_sets_is_not_guessed_again(salads):
    message = r"rgb-01-2\.npy has 6 features, rgb-01-1\.npy has 5: .* with other axes set data\.reader\.layout"
    with pytest.raises(UserError, match=message):
        read_mstcn(salads(), reader=FeatureReader(layout="time_first"))
