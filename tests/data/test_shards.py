"""Shards give what the folder gives, to any number of processes, from any place on."""

import io
import subprocess
import time
from pathlib import Path

import pytest
import torch
from sharded import COUNTS, SOURCE, shard_data

from seqvision.data import FileCaptions, ImageTransform, read_captions, read_image
from seqvision.data.pictures import picture_bytes, picture_size
from seqvision.data.shards import ShardIndex, is_sharded
from seqvision.data.shards.shard import open_shard
from seqvision.data.shards.write import write_shards
from seqvision.encoders import FeatureCache, SmallCNN
from seqvision.errors import UserError

# torch's advice for machines with fewer cores than a test has workers
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def folder_data(folder: Path, **settings) -> FileCaptions:
    return FileCaptions(path=folder, transform=ImageTransform(8), **settings)


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
    for split, references in original.references.items():
        assert dict(sharded.references[split]) == references
        with pytest.raises(KeyError):
            sharded.references[split]["nobody.png"]
    assert len(sharded.read()) == sum(map(len, original.references.values()))


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


def test_shards_are_not_taken_for_another_layout(whole, pictures):
    assert is_sharded(whole)
    assert not is_sharded(pictures)
    with pytest.raises(UserError, match=r"a folder of shards\. Train from it with data=shards data\.folder="):
        read_captions(whole)


def test_an_open_file_still_reads(whole):
    """A place in a shard is a path like others; an upload is none."""
    name = next(iter(ShardIndex(whole).records()["val"])).image
    assert read_image(io.BytesIO(picture_bytes(name))).size == read_image(name).size == read_image(str(name)).size
