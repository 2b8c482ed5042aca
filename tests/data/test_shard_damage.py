"""What is wrong with shards is said with the file's name and what to do, before training, meanwhile or by the check."""

import json
import re
from pathlib import Path

import jaxtyping
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


def _first_of(root: Path, **changes) -> None:
    splits = json.loads((root / "index.json").read_text())["splits"]
    splits["train"][0] |= changes
    change_index(root, splits=splits)


def _renamed(root: Path, name: str) -> None:
    splits = json.loads((root / "index.json").read_text())["splits"]
    change_index(root, splits={name: splits["train"], **splits})


HOSTILE = {
    "a file of the folder above": (
        lambda root: _first_of(root, file="../elsewhere.tar"),
        r"expected 'train/NUMBER.tar'",
    ),
    "another split's shard": (lambda root: _first_of(root, file="val/00000.tar"), r"expected 'train/NUMBER.tar'"),
    "an absolute path": (lambda root: _first_of(root, file="/etc/passwd"), r"train\[0\].file is '/etc/passwd'"),
    "a number as a name": (lambda root: _first_of(root, file=3), r"train\[0\].file is '3'"),
    "a split above": (lambda root: _renamed(root, "../../evil"), r"the split '../../evil' is not the name of a folder"),
    "a hidden split": (lambda root: _renamed(root, ".git"), r"the split '.git' is not the name of a folder"),
    "an absolute split": (lambda root: _renamed(root, "/etc"), r"the split '/etc' is not the name of a folder"),
    "far too many pictures": (
        lambda root: _first_of(root, pictures=1_000_000_000),
        r"train\[0\].pictures is 1000000000: \d+ bytes cannot hold so many",
    ),
    "fewer than none": (lambda root: _first_of(root, pictures=-5), r"pictures is '-5', expected a whole number"),
    "a fraction": (lambda root: _first_of(root, bytes=1.5), r"bytes is '1.5', expected a whole number"),
    "a truth value": (lambda root: _first_of(root, table=True), r"table is 'True', expected a whole number"),
    "one picture less": (lambda root: _first_of(root, pictures=3), r"00000.jsonl: 4 pictures, 3 by the index"),
    "splits that are a list": (lambda root: change_index(root, splits=[1]), r"'splits' is '\[1\]', expected an object"),
    "shards that are a text": (
        lambda root: change_index(root, splits={"train": "x"}),
        r"'train' holds 'x', expected a",
    ),
    "deep nesting": (
        lambda root: (root / "index.json").write_text('{"kind": "seqvision shards", "splits": ' + "[" * 9999),
        r"index.json: damaged",
    ),
    "5,000 digits": (
        lambda root: (root / "index.json").write_text('{"kind": "seqvision shards", "format": ' + "9" * 5000 + "}"),
        r"index.json: damaged",
    ),
}


@pytest.mark.parametrize("change", HOSTILE)
def test_an_index_names_nothing_outside_its_folder_and_no_count_that_cannot_be(change, shards, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # it would read a record to see its type
    spoil, message = HOSTILE[change]
    spoil(shards)
    with pytest.raises(UserError, match=message):
        list(shard_data(shards).read_splits()["train"])


ENTRIES = [
    {"picture": "../../secret.png"},
    {"picture": "a.png"},
    {"offset": -1},
    {"size": 10**12},
    {"size": 1.5},
    {"captions": [3]},
    {"captions": None},
    {"id": 5},
]


@pytest.mark.parametrize("wrong", ENTRIES, ids=str)
def test_an_entry_of_a_table_leads_to_bytes_of_its_shard_only(wrong, whole, tmp_path):
    tar = tmp_path / "00000.tar"
    tar.write_bytes((whole / "train" / "00000.tar").read_bytes())
    head, first, *rest = (whole / "train" / "00000.jsonl").read_text().split("\n")
    tar.with_suffix(".jsonl").write_text("\n".join([head, json.dumps(json.loads(first) | wrong), *rest]))
    with pytest.raises(UserError, match=r"00000.jsonl row 2: no entry of an image within 00000.tar"):
        Shard(tar).entry(0)


def test_a_shard_may_be_a_link_to_another_shard_and_to_nothing_else(shards, tmp_path):
    tar, elsewhere = shards / "train" / "00000.tar", tmp_path / "elsewhere.tar"
    tar.rename(elsewhere)
    tar.symlink_to(elsewhere)
    assert len(shard_data(shards).read_splits()["train"]) == COUNTS["train"]
    elsewhere.rename(elsewhere.with_suffix(".txt"))
    tar.unlink()
    tar.symlink_to(elsewhere.with_suffix(".txt"))
    with pytest.raises(UserError, match=r"00000.tar: a link to .*elsewhere.txt, expected a .tar file"):
        shard_data(shards).read_splits()
