"""The check finds what was put into a data set to be found."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seqvision.data.check import check_captions
from seqvision.data.progress import tracked

TABLE = """image,caption,split
red.png,a red thing,train
red.png,a thing,train
copy.png,a red picture,val
grey.png,a grey zebra,test
broken.png,a broken thing,train
ghost.png,a ghost,train
"""


@pytest.fixture
def faulty(folder):
    root = folder({"captions.csv": TABLE, "broken.png": b"nothing", "unused.png": None})
    Image.new("RGB", (20, 10), (255, 0, 0)).save(root / "red.png")
    (root / "copy.png").write_bytes((root / "red.png").read_bytes())
    Image.new("L", (30, 10), 0).save(root / "grey.png")
    return root


def test_every_fault_is_found(faulty):
    report = check_captions(faulty, max_tokens=2)
    assert not report.ok
    assert (report.layout, report.pictures, report.captions) == ("csv", 4, 5)
    assert report.splits == {
        "train": {"pictures": 2, "captions": 3},
        "val": {"pictures": 1, "captions": 1},
        "test": {"pictures": 1, "captions": 1},
    }
    assert "captions.csv row 7: no picture 'ghost.png'" in report.left_out[0]
    assert "broken.png: not a picture" in report.unreadable[0]
    assert report.duplicates == [["red.png", "copy.png"]]
    assert report.leaks == [{"red.png": "train", "copy.png": "val"}]
    assert [name.rsplit("/", 1)[-1] for name in report.uncaptioned] == ["unused.png"]
    assert len(report.overlong) == 4
    assert (report.width, report.height["max"]) == ({"min": 20, "median": 20, "max": 30}, 10)
    assert report.modes == {"RGB": 2, "L": 1}


def test_unknown_words_are_counted_against_the_training_captions(faulty):
    report = check_captions(faulty)
    assert report.vocabulary_size == 4 + len({"a", "red", "thing", "broken"})
    assert report.unknown_rate == {"val": pytest.approx(1 / 3), "test": pytest.approx(2 / 3)}


def test_the_channels_are_measured_on_a_scale_from_0_to_1(faulty):
    report = check_captions(faulty)
    np.testing.assert_allclose(report.channel_mean, [2 / 3, 0, 0], atol=1e-6)
    np.testing.assert_allclose(report.channel_std, [np.sqrt(2) / 3, 0, 0], atol=1e-6)


def test_it_is_told_to_people_and_to_programs(faulty):
    report = check_captions(faulty)
    text = report.to_text()
    assert "red.png (train) = copy.png (val)" in text
    assert "look into this before training" in text
    assert json.loads(json.dumps(report.to_dict()))["leaks"] == report.leaks


def test_a_sound_set_is_ready(folder):
    rows = "".join(f"{n}.png,picture {n},{'val' if n == 9 else 'train'}\n" for n in range(10))
    root = folder({"captions.csv": "image,caption,split\n" + rows} | {f"{n}.png": None for n in range(10)})
    report = check_captions(root)
    assert report.ok
    assert report.to_text().endswith("ready to train")
    assert not any("data.transform.size" in text for text in report.suggestions)  # which are smaller than the default
    assert any("10 pictures are few" in text for text in report.suggestions)


def test_a_set_that_cannot_be_split_is_still_reported(folder):
    root = folder({"captions.csv": "image,caption\n1.png,a thing\n", "1.png": None})
    report = check_captions(root)
    assert "the split 'val' is empty" in report.faults[0]
    assert not report.ok


def test_leaks_of_a_real_set_are_found(shared_data):
    report = check_captions(shared_data("tuxpaint_stamps"))
    assert report.ok == (not report.leaks)
    assert ["military__fireman240a.jpg", "people__fireman240a.jpg"] in report.duplicates


def test_only_long_work_shows_a_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich believe in a terminal
    assert list(tracked(range(3), total=3, description="Reading")) == [0, 1, 2]
    assert list(tracked(range(3), total=3, description="Reading", show=False, after=0.0)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    assert list(tracked(range(3), total=3, description="Reading", after=0.0)) == [0, 1, 2]
    assert "Reading" in capsys.readouterr().err


def test_checking_and_reading_need_no_torch():
    names = "check_captions, d.read_captions, d.WordVocabulary, d.read_image"
    code = f"import sys, seqvision.data as d; d.{names}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_faults_of_the_rows_are_listed_in_one_run(folder):
    rows = [
        "a.png,A cat.,train",
        "b.png,A dog,trian",
        "c.png,A, cow,train",
        "d.png,A pig.,val",
        "e.png,,val",
        "f.png,x,val",
    ]
    pictures = {f"{letter}.png": None for letter in "abcde"}
    report = check_captions(folder({**pictures, "captions.csv": "\n".join(["image,caption,split", *rows])}))
    assert [fault.partition(":")[0] for fault in report.faults] == ["captions.csv row 3", "captions.csv row 4"]
    assert [text.partition(":")[0] for text in report.left_out] == ["captions.csv row 6", "captions.csv row 7"]
    assert report.columns == "picture 'image', caption 'caption', split 'split'"
    assert "no test split" in report.to_text()
