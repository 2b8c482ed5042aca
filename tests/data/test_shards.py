"""Shards give what the folder gives, to any number of processes, from any place on, or say what is wrong with them."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

from seqvision.data import CaptionRecord, FileCaptions, ImageTransform, ShardCaptions, read_captions, read_image
from seqvision.data.check import check_captions
from seqvision.data.pictures import picture_bytes, picture_size
from seqvision.data.shards import ShardIndex, is_sharded
from seqvision.data.shards import write as writing
from seqvision.data.shards.shard import Shard, open_shard
from seqvision.data.shards.verify import verify_shards
from seqvision.data.shards.write import write_shards
from seqvision.encoders import FeatureCache, SmallCNN
from seqvision.errors import UserError

# torch's advice for machines with fewer cores than a test has workers
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")
COUNTS = {"train": 23, "val": 7, "test": 5}  # odd, so that nothing comes out even
SOURCE = {"command": "seqvision data shard …"}


def make_pictures(root: Path) -> Path:
    """Noise in several formats and sizes, with one or two captions each, in a table with splits."""
    random = np.random.default_rng(0)
    rows = ["image,caption,split"]
    for split, count in COUNTS.items():
        for number in range(count):
            name = f"{split}_{number}.{('jpg', 'png')[number % 2]}"
            pixels = random.integers(0, 256, (12 + number, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name)
            rows += [f"{name},picture {number} of {split},{split}"]
            rows += [f"{name},“{number}”, {split},{split}".replace(", ", " ")] * (number % 2)
    (root / "captions.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def whole(pictures, tmp_path_factory) -> Path:
    """Shards that no test changes."""
    folder = tmp_path_factory.mktemp("shards") / "whole"
    assert write_shards(read_captions(pictures), folder, source=SOURCE, shard_size=4) == []
    return folder


@pytest.fixture
def shards(pictures, tmp_path) -> Path:
    """Shards of the test's own."""
    write_shards(read_captions(pictures), tmp_path / "shards", source=SOURCE, shard_size=4)
    return tmp_path / "shards"


def folder_data(folder: Path, **settings) -> FileCaptions:
    return FileCaptions(path=folder, transform=ImageTransform(8), **settings)


def shard_data(folder: Path, *, rank: int = 0, ranks: int = 1, **settings) -> ShardCaptions:
    data = ShardCaptions(folder=folder, transform=ImageTransform(8), **{"buffer": 6, "batch_size": 4, **settings})
    data.trainer = SimpleNamespace(
        global_rank=rank,
        world_size=ranks,
        num_devices=ranks,
        num_nodes=1,
        accumulate_grad_batches=1,
        max_epochs=20,
    )
    return data


def test_pictures_and_captions_are_those_of_the_folder(pictures, whole):
    original, sharded = folder_data(pictures), shard_data(whole)
    assert {split: len(records) for split, records in sharded.records.items()} == COUNTS
    for split, records in original.records.items():
        found = sorted(sharded.records[split], key=lambda record: record.id)
        for one, other in zip(sorted(records, key=lambda record: record.id), found, strict=True):
            assert (one.id, one.captions, one.split) == (other.id, other.captions, other.split)
            assert one.image.read_bytes() == picture_bytes(other.image)
            assert one.image.stat().st_size == picture_size(other.image)
            assert torch.equal(ImageTransform(8)(one.image), ImageTransform(8)(other.image))
    assert sharded.vocabulary.tokens == original.vocabulary.tokens
    assert dict(sharded.references) == original.references
    assert sharded.references["val_3.png"] == original.references["val_3.png"]
    with pytest.raises(KeyError):
        sharded.references["nobody.png"]
    assert sorted(record.id for record in sharded.read()) == sorted(original.references)


def test_validation_and_test_batches_are_those_of_the_folder(pictures, whole):
    for split in ("val", "test"):
        settings = {"evaluation_batch_size": 3}
        batches = [
            list(data.evaluation_dataloader(split))
            for data in (folder_data(pictures, **settings), shard_data(whole, **settings))
        ]
        for one, other in zip(*batches, strict=True):
            assert one.ids == other.ids
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.tokens, other.tokens)


def test_a_shard_is_a_fair_sample_of_training(whole):
    ids = [int(record.id.split("_")[1].partition(".")[0]) for record in ShardIndex(whole).records()["train"]]
    assert ids != sorted(ids)
    assert sorted(ids) == list(range(COUNTS["train"]))


def epoch_ids(folder: Path, ranks: int, workers: int, *, epoch: int = 0, batch_size: int = 4) -> list[list[list[str]]]:
    """The names in each batch of each rank."""
    shares = []
    for rank in range(ranks):
        data = shard_data(folder, rank=rank, ranks=ranks, batch_size=batch_size * ranks, num_workers=workers)
        loader = data.train_dataloader()
        loader.batches.set_epoch(epoch)
        shares.append([batch.ids for batch in loader])
        assert len(shares[-1]) == len(loader)
    return shares


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_every_picture_once_over_ranks_and_workers(whole, ranks, workers):
    shares = epoch_ids(whole, ranks, workers)
    seen = [id for share in shares for batch in share for id in batch]
    assert len(set(seen)) == len(seen), "no picture twice"
    # 23 pictures in global batches of 4 a rank: the last has 3, 7, 11 or 7, never fewer than there are ranks
    assert len(seen) == COUNTS["train"]
    assert len({len(share) for share in shares}) == 1


def test_a_remainder_smaller_than_the_ranks_waits_for_another_epoch(whole):
    left = []
    for epoch in range(4):
        seen = {
            id for share in epoch_ids(whole, 3, 0, epoch=epoch, batch_size=7) for batch in share for id in batch
        }  # 23 = 21 + 2
        assert len(seen) == 21
        left.append(frozenset(record.id for record in ShardIndex(whole).records()["train"]) - seen)
    assert len(set(left)) > 1


def test_several_processes_see_the_batches_of_one(whole):
    (alone,) = epoch_ids(whole, 1, 0, batch_size=8)
    for ranks in (2, 4):
        shares = epoch_ids(whole, ranks, 0, batch_size=8 // ranks)
        for number, batch in enumerate(alone):
            assert sorted(batch) == sorted(id for share in shares for id in share[number])


def test_workers_change_nothing_and_epochs_differ(whole):
    assert epoch_ids(whole, 1, 0) == epoch_ids(whole, 1, 2)
    assert epoch_ids(whole, 1, 0) != epoch_ids(whole, 1, 0, epoch=1)


@pytest.mark.parametrize(
    ("workers", "later"),
    [(0, 0), pytest.param(0, 2, marks=pytest.mark.slow), pytest.param(3, 1, marks=pytest.mark.slow)],
)
def test_resuming_from_every_position_gives_the_same_rest(whole, workers, later):
    def run(data, epoch, stop=None):
        loader = data.train_dataloader()
        loader.batches.set_epoch(epoch)
        found, state = [], data.state_dict()
        for batch in loader:
            found.append((batch.ids, batch.images, batch.tokens))
            state = data.state_dict()
            if len(found) == stop:
                break
        return found, state

    undisturbed, _ = run(shard_data(whole), epoch=2)
    for stop in range(1, len(undisturbed)):
        before, state = run(shard_data(whole, num_workers=workers), epoch=2, stop=stop)
        resumed = shard_data(whole, num_workers=later)
        resumed.load_state_dict(state)
        rest, _ = run(resumed, epoch=2)
        for one, other in zip(undisturbed, before + rest, strict=True):
            assert one[0] == other[0]
            assert torch.equal(one[1], other[1])
            assert torch.equal(one[2], other[2])


def test_memorise_takes_a_few_of_them(whole):
    data = shard_data(whole, memorise=3)
    assert [len(data.records[split]) for split in ("train", "val")] == [3, 3]
    assert [len(batch) for batch in data.train_dataloader()] == [3]


def test_what_shards_cannot_do_is_said():
    with pytest.raises(UserError, match=r"data\.sort_by_length=true: not with shards"):
        shard_data(Path("nowhere"), sort_by_length=True)
    with pytest.raises(UserError, match=r"data\.buffer is -1"):
        shard_data(Path("nowhere"), buffer=-1)


def test_a_frozen_encoders_features_are_those_of_the_folder(pictures, whole, tmp_path):
    torch.manual_seed(0)
    encoder = SmallCNN(channels=(4,), strides=(2,), pooled=True, trainable="none", image_size=8)
    original, sharded = folder_data(pictures), shard_data(whole)
    original.compute_features(encoder, tmp_path)
    size = {file: file.stat().st_size for file in tmp_path.glob("*.bin")}
    sharded.compute_features(encoder, tmp_path)
    assert size == {file: file.stat().st_size for file in tmp_path.glob("*.bin")}, "the same bytes are found again"
    by_id = {r.id: original.features["train"][i] for i, r in enumerate(original.records["train"])}
    for batch in sharded.train_dataloader():
        assert torch.equal(batch.features, torch.stack([by_id[id] for id in batch.ids]))
    assert sharded.sample_features(encoder).shape == (COUNTS["train"], 4)
    direct = shard_data(whole).sample_features(encoder)
    torch.testing.assert_close(direct, sharded.sample_features(encoder))


def test_a_picture_that_is_replaced_inside_the_archive_is_not_mistaken(pictures, tmp_path):
    """The cache knows a file by path, size and time; of a picture in a shard those of the shard."""
    encoder = SmallCNN(channels=(4,), strides=(2,), pooled=True, trainable="none", image_size=8)
    records, folder = read_captions(pictures), tmp_path / "shards"
    tables = []
    for some in (records, records[::-1]):
        write_shards([r for r in some if r.split == "val"], folder, source=SOURCE)
        tars = ShardIndex(folder).records()["val"]
        cache = FeatureCache(tmp_path / "cache")
        paths = [record.image for record in tars]
        tables.append(cache.compute(encoder, ImageTransform(8), paths, split="val", transform_key="x").batch(range(7)))
        subprocess.run(["rm", "-r", str(folder)], check=True)
        open_shard.cache_clear()
        time.sleep(0.02)
    assert torch.equal(tables[0], tables[1].flip(0))


# --- what is wrong with them


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 70)


DAMAGE = {
    "a shard is missing": (
        lambda root: (root / "train/00001.tar").unlink(),
        r"train/00001\.tar: missing\. Copy it again, or run the `seqvision data shard`.*writes only what is missing",
    ),
    "a shard is cut off": (
        lambda root: cut(root / "val/00001.tar"),
        r"val/00001\.tar: \d+ bytes, expected \d+: truncated, or another file\. Copy it again",
    ),
    "a shard is empty": (
        lambda root: (root / "train/00000.tar").write_bytes(b""),
        r"train/00000\.tar: 0 bytes, expected \d+",
    ),
    "a table is missing": (
        lambda root: (root / "train/00002.jsonl").unlink(),
        r"train/00002\.jsonl: missing",
    ),
    "a table is cut off": (
        lambda root: cut(root / "train/00002.jsonl"),
        r"train/00002\.jsonl: \d+ bytes, expected \d+",
    ),
    "the index is missing": (
        lambda root: (root / "index.json").unlink(),
        r"index\.json: not found .*data\.folder names a folder that `seqvision data shard",
    ),
    "the index is cut off": (lambda root: cut(root / "index.json"), r"index\.json: damaged, or no index of shards"),
    "the writing was interrupted": (
        lambda root: change_index(root, complete=False),
        r"index\.json: the writing was interrupted; run the same `seqvision data shard` again",
    ),
    "another format": (lambda root: change_index(root, format=9), r"index\.json: .*format 9, this version reads"),
}


def change_index(root: Path, **changes) -> None:
    content = json.loads((root / "index.json").read_text())
    (root / "index.json").write_text(json.dumps({**content, **changes}, indent=1))


def read_all(root: Path) -> None:
    data = shard_data(root)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        for _ in loader:
            pass


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_with_what_to_do(damage, shards):
    change, message = DAMAGE[damage]
    change(shards)
    with pytest.raises(UserError, match=rf"(?s){message}"):
        read_all(shards)


def test_a_damaged_table_is_named(shards):
    tar = shards / "train" / "00000.tar"
    rows = tar.with_suffix(".jsonl").read_bytes()
    for damaged, message in [
        (rows.replace(b'{"picture"', b'("picture"', 1), r"00000\.jsonl row 2: not valid JSON, a damaged file"),
        (rows[:-70], r"00000\.jsonl: no table of a shard, or a damaged one"),
        (b"", r"00000\.jsonl: no table of a shard"),
    ]:
        tar.with_suffix(".jsonl").write_bytes(damaged)
        with pytest.raises(UserError, match=message):
            Shard(tar).entry(0)


@pytest.mark.slow  # torch waits five seconds for a worker that has raised an error
def test_damage_that_comes_while_training_reads_as_it_was_said(shards):
    data = shard_data(shards, num_workers=1)
    data.vocabulary  # noqa: B018  built before the damage
    loader = data.train_dataloader()
    cut(shards / "train/00003.tar")
    open_shard.cache_clear()  # what lies open already is mapped whole
    with pytest.raises(UserError) as caught:
        list(loader)
    assert str(caught.value).startswith(f"{shards}/train/00003.tar: ")


def test_a_name_that_is_not_in_the_shard_is_said(whole):
    for name in ("000000099.png", "dog.png", "000000000.gif"):
        with pytest.raises(UserError, match=rf"00000\.tar/{name}: no such picture in this shard of 4"):
            read_image(whole / "train" / "00000.tar" / name)


def test_the_check_reads_every_byte(shards):
    assert check_captions(shards).ok
    tar = shards / "train" / "00001.tar"
    content = bytearray(tar.read_bytes())
    content[3000] ^= 1
    tar.write_bytes(content)
    cut(shards / "test" / "00000.tar")
    (shards / "val" / "00000.tar").unlink()
    open_shard.cache_clear()
    records, faults = verify_shards(shards)
    assert len(records) == sum(COUNTS.values()) - 3 * 4
    for fault, message in zip(
        faults,
        [r"train/00001\.tar: the content is not what", r"val/00000\.tar: missing", r"test/00000\.tar: \d+ bytes"],
        strict=True,
    ):
        assert re.search(message, fault), fault
    report = check_captions(shards)
    assert (report.layout, report.ok, len(report.faults)) == ("shards", False, 3)


def test_the_check_compares_the_tables_with_the_index(shards):
    index = json.loads((shards / "index.json").read_text())
    index["splits"]["train"][0]["captions"] += 1
    (shards / "index.json").write_text(json.dumps(index, indent=1))
    (fault,) = verify_shards(shards)[1]
    assert "train/00000.tar: captions" in fault


def test_shards_are_not_taken_for_another_layout(whole, pictures):
    assert is_sharded(whole)
    assert not is_sharded(pictures)
    with pytest.raises(UserError, match=r"a folder of shards\. Train from it with data=shards data\.folder="):
        read_captions(whole)


# --- writing


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
            (arguments[0].parent / ".00000.tar.part").write_bytes(b"half a shard")
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
        for tar in folder.glob("*/*.tar"):
            assert tar.read_bytes() == (whole / tar.relative_to(folder)).read_bytes()
    assert contents(folder) == contents(whole)
    assert not list(folder.glob("*/.*"))


def test_an_open_file_still_reads(whole):
    """A place in a shard is a path like others; an upload is none."""
    name = next(iter(ShardIndex(whole).records()["val"])).image
    assert read_image(io.BytesIO(picture_bytes(name))).size == read_image(name).size == read_image(str(name)).size
