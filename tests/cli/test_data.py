"""Data can be looked into and drawn from the command line."""

import json
import re

import pytest
import torch
from PIL import Image

from seqvision.data.scenes import read_scenes, write_sample
from seqvision.errors import UserError
from seqvision.tasks import Captioning


def test_a_check_says_what_is_there(run, tmp_path):
    write_sample(tmp_path / "sample")
    found = run("data", "check", tmp_path / "sample")
    assert found.status == 0
    assert "ready to train" in found.out
    data = json.loads(run("data", "check", tmp_path / "sample", "--format", "json").out)
    assert (data["pictures"], data["captions"], data["ok"]) == (24, 120, True)


def test_a_check_of_faulty_data_ends_with_1(run, tmp_path):
    write_sample(tmp_path / "sample")
    (tmp_path / "sample" / "Images" / "scene_03.png").write_bytes(b"damaged")
    found = run("data", "check", tmp_path / "sample", "--output", tmp_path / "report.txt")
    assert (found.status, found.out) == (1, "")
    assert "scene_03.png" in (tmp_path / "report.txt").read_text()


def test_whole_labelled_pictures_are_checked_too(run, tmp_path):
    found = run("data", "check", "data=pictures_digits", "--format", "json")
    assert found.status == 0, found.err
    data = json.loads(found.out)
    assert sum(split["pictures"] for split in data["splits"].values()) == 1797
    assert sorted(data["splits"]["train"]["symbols"]) == list("0123456789")
    for number in range(4):
        Image.new("L", (8, 8), 40 * number).save(tmp_path / f"{number}.png")
    rows = ["0.png,12,train", "1.png,1,train", "2.png,2,train", "3.png,1,val", "4.png,1,test"]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label,split", *rows]) + "\n")
    found = run("data", "check", "data=pictures_files", f"data.path={tmp_path}", "data.strings=true")
    assert found.status == 1
    assert "labels.csv row 6: no file '4.png'" in found.out


def test_scenes_are_drawn_with_a_sheet(run, tmp_path):
    arguments = ["--size", 32, "--counts", "train=5,val=2", "--captions", 2, "--seed", 3]
    sheet = tmp_path / "sheet.png"
    found = run("data", "scenes", tmp_path / "scenes", *arguments, "--contact-sheet", sheet)
    assert found.status == 0, found.err
    assert found.out.splitlines() == [f"{tmp_path / 'scenes'}: 5 train, 2 val", str(sheet)]
    assert len(read_scenes(tmp_path / "scenes")) == 7
    with Image.open(tmp_path / "scenes" / "train" / "00000.png") as picture, Image.open(sheet) as whole:
        assert picture.size == (32, 32)
        assert whole.width > 800
    assert run("data", "scenes", tmp_path / "scenes", *arguments).status == 0, "the same scenes are left as they are"


@pytest.fixture
def sharded(run, tmp_path):
    """A sample and its shards."""
    write_sample(tmp_path / "my sample")
    found = run("data", "shard", tmp_path / "my sample", "--output", tmp_path / "shards", "--shard-size", 5)
    assert (found.status, found.err) == (0, "")
    return found


def test_a_data_set_becomes_shards_that_are_checked(run, sharded, tmp_path):
    assert re.search(r"shards: \d shards; \d+ train, \d+ .*\n  seqvision train data=shards data\.folder=", sharded.out)
    index = json.loads((tmp_path / "shards" / "index.json").read_text())
    assert index["source"]["command"].startswith("seqvision data shard '/")
    assert index["pictures"] == 24
    found = run("data", "check", tmp_path / "shards", "--format", "json")
    data = json.loads(found.out)
    assert (found.status, data["layout"], data["pictures"], data["captions"]) == (0, "shards", 24, 120)
    (tmp_path / "shards" / "train" / "00001.tar").unlink()
    found = run("data", "check", tmp_path / "shards")
    assert found.status == 1
    assert "train/00001.tar: missing. Copy it again, or run the `seqvision data shard`" in found.out
    again = run("data", "shard", tmp_path / "my sample", "--output", tmp_path / "shards", "--shard-size", 5)
    assert again.out == sharded.out
    assert run("data", "check", tmp_path / "shards").status == 0


def test_overrides_say_what_becomes_shards(run, tmp_path):
    write_sample(tmp_path / "sample")
    given = ["data=files", f"data.path={tmp_path / 'sample' / 'captions.txt'}", "data.splits.test=0.0"]
    found = run("data", "shard", *given, "--output", tmp_path / "shards")
    assert found.status == 0, found.err
    assert "test" not in json.loads((tmp_path / "shards" / "index.json").read_text())["splits"]


def test_damaged_pictures_are_left_out_when_told_so(run, tmp_path):
    write_sample(tmp_path / "sample")
    (tmp_path / "sample" / "Images" / "scene_03.png").write_bytes(b"damaged")
    given = ["data", "shard", tmp_path / "sample", "--output", tmp_path / "shards"]
    found = run(*given)
    assert found.status == 2
    assert re.search(r"scene_03\.png: not a picture.*--skip-damaged", found.err)
    found = run(*given, "--skip-damaged")
    assert found.status == 1
    assert "left out as damaged: 1: " in found.out


SMALL = [
    "encoder=small_cnn",
    "data.transform.size=16",
    "encoder.channels=[4,4]",
    "encoder.strides=[2,4]",
    "rnn.hidden_size=8",
]


@pytest.mark.slow
def test_training_from_shards_goes_on_in_the_middle_of_an_epoch(run, sharded, tmp_path, monkeypatch):
    loss = Captioning.loss

    def stopping(task, batch):
        if task.trainer.global_step == 7:  # of five an epoch
            raise UserError("stopped")
        return loss(task, batch)

    given = ["train", "data=shards", f"data.folder={tmp_path / 'shards'}", "data.batch_size=4", "data.buffer=6", *SMALL]
    given += ["trainer.accelerator=cpu", "scheduler=constant", "callbacks.best=null", "callbacks.last.every_n_steps=1"]
    folders = [tmp_path / "undisturbed", tmp_path / "stopped"]
    done = run(*given, "trainer.max_epochs=3", f"run_dir={folders[0]}")
    assert done.status == 0, done.err
    with monkeypatch.context() as patch:
        patch.setattr(Captioning, "loss", stopping)
        assert run(*given, "trainer.max_epochs=3", f"run_dir={folders[1]}").status == 2
    done = run("train", f"resume={folders[1]}")
    assert done.status == 0, done.err
    one, other = (torch.load(folder / "last.ckpt", weights_only=True) for folder in folders)
    assert one["global_step"] == other["global_step"] == 15
    for name, weight in one["state_dict"].items():
        assert torch.equal(weight, other["state_dict"][name]), name
    done = run("evaluate", "--checkpoint", folders[0], "--cache", tmp_path / "cache", "--bootstrap", 0)
    assert done.status == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scnes"], "no command 'data scnes': expected data check, data shard or data scenes"),
        (["shard", "nowhere", "--output", "s"], "no file or folder 'nowhere'"),
        (["shard", "data=flies", "--output", "s"], "there is no such choice. Did you mean files"),
        (["shard", "data=files", "--output", "s"], "data.path is missing; add data.path="),
        (["shard", "a", "data.images=b", "--output", "s"], "a path goes alone.*data=files data.path=a"),
        (["check", "nowhere"], "no file or folder 'nowhere'"),
        (["scenes", "s", "--counts", "train"], r"'train' is not SPLIT=NUMBER"),
        (["scenes", "s", "--counts", "tain=5"], "splits are train, val, test, combinations; found tain"),
        (["scenes", "s", "--size", "2"], "size 2 and captions 5: expected 8 or more"),
        (["scenes", "s", "--counts", "train=2", "--contact-sheet", "s.xyz"], r"s\.xyz: cannot be written .*\.png"),
    ],
)
def test_mistakes_are_said_in_a_sentence(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    found = run("data", *arguments)
    assert found.status == 2
    assert re.search(message, found.err), found.err


def test_a_check_of_sequences_says_what_became_of_every_file(run, tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    for number, split in enumerate(("train", "val", "test")):
        rows = "".join(f"{n},{'walk' if n > 4 else 'rest'},{split}\n" for n in range(8))
        (folder / f"r{number}.csv").write_text("x,label,split\n" + rows)
    found = run("data", "check", "data=tables", f"data.path={folder}")
    assert (found.status, found.err) == (0, "")
    assert "r1: val, 8 frames" in found.out
    (folder / "r1.csv").write_text((folder / "r1.csv").read_text().replace("\n3,", "\nnan,"))
    found = run("data", "check", "data=tables", f"data.path={folder}", "--format", "json")
    data = json.loads(found.out)
    assert (found.status, data["ok"]) == (1, False)
    assert [file["id"] for file in data["files"] if file["error"]] == ["r1"]
    assert "r1.csv row 5, column 'x'" in data["files"][1]["error"]
    assert run("data", "check", "data=tables", f"data.path={folder}", "--quick").status == 0


def test_a_check_of_parallel_text(run, tmp_path):
    for split, row in (("train", "ein Hund"), ("val", "eine Katze")):
        (tmp_path / f"{split}.de").write_text(f"{row}\n")
        (tmp_path / f"{split}.en").write_text("a dog\n")
    found = run("data", "check", tmp_path)
    assert found.status == 2, "from which language into which?"
    found = run("data", "check", "data=parallel", f"data.path={tmp_path}", "data.source=de", "data.target=en")
    assert (found.status, found.err) == (0, "")
    assert "  train         1 sentence pair\n" in found.out
    assert "vocabulary    source: 6 entries" in found.out
    assert "ready to train" in found.out
    (tmp_path / "val.de").write_text("ein Hund\n")
    found = run(
        "data", "check", "data=parallel", f"data.path={tmp_path}", "data.source=de", "data.target=en", "--format=json"
    )
    data = json.loads(found.out)
    assert (found.status, data["ok"]) == (1, False)
    assert data["leaks"] == [{"train:1": "train", "val:1": "val"}]


def test_drawn_scenes_are_checked_as_they_would_be_trained_on(run, tmp_path):
    found = run("data", "check", "data=scenes", f"data.folder={tmp_path / 'x'}", "data.counts={train: 4, val: 2}")
    assert (found.status, re.search(r"pictures +6\b", found.out) is not None) == (0, True), found.out


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (["data=videos"], r"data check: data\.path is missing; add data\.path="),
        (["data=parallel", "data.path=absent"], r"absent: no parallel text there; expected train\.de with train\.en"),
        (
            ["my_clips", "data.reader.stride=2"],
            r"a path goes alone; to say more, write data=videos data\.path=my_clips",
        ),
        (["data=vidoes", "data.path=x"], r"vidoes"),
    ],
)
def test_a_check_that_cannot_begin_says_what_to_write(run, tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    found = run("data", "check", *source)
    assert found.status == 2
    assert re.search(message, found.err), found.err


def test_messages_name_the_options_of_the_command(run, tmp_path):
    (tmp_path / "captions.csv").write_bytes(
        "image,caption\na.jpg,ein H\u00fcndchen \u201eklein\u201c\n".encode("cp1252")
    )
    assert "set --encoding windows-1252." in run("data", "check", tmp_path).err
    asked = run("data", "check", "data=files", f"data.path={tmp_path}")
    assert "set data.encoding=windows-1252." in asked.err
