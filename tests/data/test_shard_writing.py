"""Shards are written whole or not at all, by runs that go on where others ended, and other tools read them."""

import json
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image
from sharded import COUNTS, SOURCE, cut, make_pictures, read_all, shard_data

from seqvision.data import CaptionRecord, read_captions
from seqvision.data.shards import ShardIndex
from seqvision.data.shards import write as writing
from seqvision.data.shards.write import write_shards
from seqvision.errors import UserError
from seqvision.files import PART


def contents(folder: Path) -> dict[str, bytes]:
    return {
        f.relative_to(folder).as_posix(): f.read_bytes() for f in sorted(folder.rglob("*.*")) if f.suffix != ".lock"
    }


def test_other_tools_read_the_tars(whole, pictures):
    with tarfile.open(whole / "val" / "00000.tar") as archive:
        names = archive.getnames()
        picture = archive.extractfile(names[0]).read()
        said = json.loads(archive.extractfile(names[1]).read())
    assert names[:4] == ["000000000.jpg", "000000000.json", "000000001.png", "000000001.json"]
    assert said == {"id": "val_0.jpg", "captions": ["picture 0 of val"]}
    assert picture == (pictures / "val_0.jpg").read_bytes()


@pytest.mark.filterwarnings("ignore")  # the library's own
def test_webdataset_reads_them(whole, pictures):
    webdataset = pytest.importorskip("webdataset", reason="the library that others would read shards with")
    urls = [str(tar) for tar in sorted((whole / "train").glob("*.tar"))]
    found = {}
    for sample in webdataset.WebDataset(urls, shardshuffle=False):
        found[json.loads(sample["json"])["id"]] = sample.get("jpg") or sample["png"]
    assert found == {r.id: r.image.read_bytes() for r in read_captions(pictures) if r.split == "train"}


@pytest.mark.parametrize("finished", [0, 1, 5, 9])
def test_an_interrupted_run_goes_on(finished, pictures, whole, tmp_path, monkeypatch):
    calls, write = [], writing._write

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) > finished:
            (arguments[0].parent / f"{PART}0").write_bytes(b"half a shard")
            raise KeyboardInterrupt
        return write(*arguments)

    monkeypatch.setattr(writing, "_write", interrupted)
    records, folder = read_captions(pictures), tmp_path / "shards"
    with pytest.raises(KeyboardInterrupt):
        write_shards(records, folder, source=SOURCE, shard_size=4)
    with pytest.raises(UserError, match="interrupted"):
        read_all(folder)
    assert len(list(folder.glob("*/*.tar"))) == finished
    monkeypatch.setattr(writing, "_write", lambda *arguments: (calls.append(arguments), write(*arguments))[1])
    calls.clear()
    write_shards(records, folder, source=SOURCE, shard_size=4)
    assert len(calls) == 10 - finished, "what was whole is kept"
    assert contents(folder) == contents(whole)


def test_a_second_run_mends_what_is_missing_or_has_changed(pictures, whole, shards, tmp_path):
    kept = (shards / "train" / "00000.tar").stat().st_mtime_ns
    cut(shards / "train" / "00001.tar")
    (shards / "val" / "00001.jsonl").unlink()
    write_shards(read_captions(pictures), shards, source=SOURCE, shard_size=4)
    assert contents(shards) == contents(whole)
    assert (shards / "train" / "00000.tar").stat().st_mtime_ns == kept
    mine = make_pictures(tmp_path)
    Image.new("RGB", (30, 30), "red").save(mine / "test_1.png")
    write_shards(read_captions(mine), shards, source=SOURCE, shard_size=4)
    changed = {name for name, content in contents(shards).items() if content != contents(whole)[name]}
    assert changed == {"index.json", "test/00000.tar", "test/00000.jsonl"}


def test_a_folder_with_something_else_is_left_alone(pictures, shards, tmp_path):
    records = read_captions(pictures)
    with pytest.raises(UserError, match=r"holds shards of other data or size \(they differ in shard_size\).*rm -r"):
        write_shards(records, shards, source=SOURCE, shard_size=5)
    with pytest.raises(UserError, match=r"they differ in digest"):
        write_shards(records[1:], shards, source=SOURCE, shard_size=4)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not empty, and no folder of shards"):
        write_shards(records, tmp_path / "mine", source=SOURCE)
    with pytest.raises(UserError, match=r"--shard-size 0: expected a number of pictures, 1 or more"):
        write_shards(records, tmp_path / "new", source=SOURCE, shard_size=0)
    with FileLock(shards / ".lock"), pytest.raises(UserError, match="another process is writing shards there"):
        write_shards(records, shards, source=SOURCE, shard_size=4)


def test_a_damaged_picture_is_refused_or_left_out(tmp_path):
    root = make_pictures(tmp_path)
    (root / "train_5.png").write_bytes((root / "train_5.png").read_bytes()[:-90])
    folder = tmp_path / "shards"
    with pytest.raises(UserError, match=r"train_5\.png: the picture is damaged.*--skip-damaged leaves out"):
        write_shards(read_captions(root), folder, source=SOURCE, shard_size=4)
    for _ in range(2):  # the second time from what is there
        left_out = write_shards(read_captions(root), folder, source=SOURCE, shard_size=4, skip_damaged=True)
        assert left_out == ["train_5.png"]
    data = shard_data(folder)
    assert len(data.records["train"]) == COUNTS["train"] - 1
    read_all(folder)
    with pytest.raises(UserError, match=r"train_5\.png"):
        write_shards(read_captions(root), folder, source=SOURCE, shard_size=4)


def test_any_name_and_caption_comes_through(tmp_path):
    odd = "pict\udce9 \u00fc.png"  # a name that is not Unicode, as it comes from a disk
    root = tmp_path / "pictures"
    root.mkdir()
    Image.new("RGB", (9, 9), "blue").save(root / "a.png")
    records = [CaptionRecord(odd, root / "a.png", ("“Blåhaj” 🦈\u2028, “”",), split) for split in ("train", "val")]
    write_shards(records, tmp_path / "shards", source=SOURCE)
    found = shard_data(tmp_path / "shards").read()
    assert [(r.id, r.captions, r.split) for r in found] == [(r.id, r.captions, r.split) for r in records]
    with pytest.raises(UserError, match=r"the split '\.\./x' cannot be a folder's name"):
        write_shards([replace(records[0], split="../x")], tmp_path / "other", source=SOURCE)


def test_a_full_disk_is_said(pictures, tmp_path, monkeypatch):
    def full(self, name, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing._Archive, "add", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\); make room.*goes on"):
        write_shards(read_captions(pictures), tmp_path / "shards", source=SOURCE)


def test_shards_can_be_cut_again(whole, tmp_path):
    again = write_shards(shard_data(whole).read(), tmp_path / "again", source=SOURCE, shard_size=100)
    assert again == []
    one, other = shard_data(whole), shard_data(tmp_path / "again")
    assert dict(one.references) == dict(other.references)
    assert len(ShardIndex(tmp_path / "again").splits["train"]) == 1


KILLED = """
import os, sys
from pathlib import Path
from seqvision.data import read_captions
from seqvision.data.shards import write as writing

if sys.argv[3] != "never":
    add, count = writing._Archive.add, [0]
    def dying(self, name, content):
        count[0] += 1
        if count[0] == int(sys.argv[3]):
            self._file.flush()
            os.kill(os.getpid(), 9)
        return add(self, name, content)
    writing._Archive.add = dying
writing.write_shards(read_captions(sys.argv[1]), sys.argv[2], source={"command": "seqvision data shard …"},
    shard_size=4)
"""


@pytest.mark.slow
def test_killed_runs_leave_no_half_shard(pictures, whole, tmp_path):
    folder = tmp_path / "shards"
    for moment in (3, 9, 26, "never"):
        done = subprocess.run([sys.executable, "-c", KILLED, str(pictures), str(folder), str(moment)], check=False)
        assert done.returncode == (0 if moment == "never" else -signal.SIGKILL)
        for tar in folder.glob("*/[0-9]*.tar"):
            assert tar.read_bytes() == (whole / tar.relative_to(folder)).read_bytes()
    assert contents(folder) == contents(whole)
    assert not list(folder.glob("*/.*"))
