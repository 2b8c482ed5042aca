"""What is wrong with shards is said with the file's name and what to do, before training, meanwhile or by the check."""

import json
import re
from pathlib import Path

import pytest
from sharded import COUNTS, cut, read_all, shard_data

from seqvision.data import read_image
from seqvision.data.check import check_captions
from seqvision.data.shards.shard import Shard, open_shard
from seqvision.data.shards.verify import verify_shards
from seqvision.errors import UserError

# torch's advice for machines with fewer cores than a test has workers
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


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
