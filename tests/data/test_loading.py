"""Which items come when: over ranks, epochs, interruptions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

from seqvision.data.loading import EvaluationBatches, Item, ResumableLoader, ShuffledShards, TrainBatches, seed_of


def epoch(size: int, batch_size: int, ranks: int, number: int = 0, seed: int = 0) -> list[list[list[Item]]]:
    """The batches of an epoch by rank."""
    shares = []
    for rank in range(ranks):
        batches = TrainBatches(size, batch_size, seed=seed, rank=rank, ranks=ranks)
        batches.set_epoch(number)
        shares.append(list(batches))
        assert len(shares[-1]) == len(batches)
    return shares


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 5))
def test_shares_of_ranks_are_disjoint_and_cover_each_global_batch(size, batch_size, ranks):
    shares = epoch(size, batch_size, ranks)
    assert len({len(share) for share in shares}) == 1  # a rank with a batch less would hang the others
    alone = [list(batch) for batch in epoch(size, batch_size * ranks, 1)[0]]
    for number, batches in enumerate(zip(*shares, strict=True)):
        together = [item for batch in batches for item in batch]
        assert sorted(together) == sorted(alone[number])
        assert all(batches)
    seen = [item.record for share in shares for batch in share for item in batch]
    assert len(seen) == len(set(seen))
    assert size - len(seen) < ranks


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 5))
def test_evaluation_covers_each_item_once_over_all_ranks(size, batch_size, ranks):
    shares = [EvaluationBatches(size, batch_size, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert sorted(item.record for share in shares for batch in share for item in batch) == list(range(size))
    assert all(len(list(share)) == len(share) for share in shares)


def test_order_and_seeds_depend_on_seed_and_epoch_only():
    assert epoch(20, 4, 1) == epoch(20, 4, 1)
    assert epoch(20, 4, 1, number=1) != epoch(20, 4, 1, number=0)
    assert epoch(20, 4, 1, seed=1) != epoch(20, 4, 1, seed=0)
    seeds = {item.record: item.seed for batch in epoch(20, 4, 1)[0] for item in batch}
    elsewhere = {item.record: item.seed for share in epoch(20, 2, 2) for batch in share for item in batch}
    assert seeds == elsewhere  # an item's caption and augmentation are the same on any number of processes
    assert len(set(seeds.values())) == 20


def test_seed_is_the_same_in_every_process():
    assert seed_of(1, 2, 3) == 529344067295497451  # whatever PYTHONHASHSEED
    assert 0 <= seed_of(-5) < 2**63


class Echo(Dataset):
    """Samples that are the items themselves."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, item: Item) -> Item:
        return item


def loader(workers: int) -> ResumableLoader:
    """Batches of three of ten items."""
    return ResumableLoader(Echo(), TrainBatches(10, 3, seed=5), collate_fn=list, num_workers=workers)


@pytest.mark.parametrize(
    ("workers", "handed_out"),
    # torch asks the sampler for two iterators where there are workers: the first must not use up the place
    [(workers, count) for workers in (0, 1) for count in (0, 1, 3, 4)],
)
def test_resumed_loader_continues_exactly(workers, handed_out):
    undisturbed = loader(0)
    epochs = []
    for number in range(3):
        undisturbed.batches.set_epoch(number)
        epochs.append(list(undisturbed))
    killed = loader(workers)
    killed.batches.set_epoch(1)
    before = []
    for batch in killed:
        if len(before) == handed_out:
            break
        before.append(batch)
        state = killed.state_dict()
    if not handed_out:
        state = loader(workers).state_dict()
    resumed = loader(workers)
    resumed.load_state_dict(state)
    if handed_out < 4:
        resumed.batches.set_epoch(1)
        assert before + list(resumed) == epochs[1]
    resumed.batches.set_epoch(2)
    assert list(resumed) == epochs[2]


def test_items_of_about_the_same_length_share_a_batch():
    lengths = [(37 * index) % 20 + 1 for index in range(403)]

    def length(item):
        return lengths[item.record]

    def padding(batches):
        batches = list(batches)
        return sum(max(map(length, batch)) * len(batch) for batch in batches) / sum(lengths)

    plain = list(TrainBatches(403, 8, seed=1))
    sorted_ = TrainBatches(403, 8, seed=1, length=length)
    assert padding(plain) > 1.6
    assert padding(sorted_) < 1.2
    assert sorted(item for batch in sorted_ for item in batch) == sorted(item for batch in plain for item in batch)
    firsts = [length(batch[0]) for batch in sorted_]
    assert firsts[:8] != sorted(firsts[:8]), "short batches do not come first"


@pytest.mark.parametrize("ranks", [2, 3])
def test_sorted_batches_are_shared_out_like_others(ranks):
    shares = [
        list(TrainBatches(50, 4, seed=2, rank=r, ranks=ranks, length=lambda i: i.record % 7)) for r in range(ranks)
    ]
    whole = list(TrainBatches(50, 4 * ranks, seed=2, length=lambda i: i.record % 7))
    for step, batch in enumerate(whole[: len(shares[0])]):
        assert sorted(batch) == sorted(item for share in shares for item in share[step])


def shuffled(counts: list[int], buffer: int, seed: int = 0) -> list[int]:
    """The items of shards with these counts in the order of one epoch."""
    return ShuffledShards(counts, buffer=buffer)(generator=torch.Generator().manual_seed(seed)).tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.integers(0, 30), st.integers(0, 5))
def test_shards_are_shuffled_no_further_than_the_buffer_reaches(counts, buffer, seed):
    order = shuffled(counts, buffer, seed)
    assert sorted(order) == list(range(sum(counts)))
    whole = shuffled(counts, 0, seed)  # the same order of shards, nothing shuffled in them
    assert all(abs(whole.index(item) - place) <= buffer for place, item in enumerate(order))


def test_shards_come_in_another_order_in_each_epoch_and_mix():
    assert shuffled([10] * 20, 40, seed=0) == shuffled([10] * 20, 40, seed=0)
    first, second = (shuffled([10] * 20, 40, seed=seed) for seed in (0, 1))
    assert [item // 10 for item in first] != [item // 10 for item in second]
    # a batch of ten has items of several shards, and of few: about those of twice the buffer
    shards = [len({item // 10 for item in first[i : i + 10]}) for i in range(0, 200, 10)]
    assert 4 < sum(shards) / len(shards) <= 10


def test_batches_of_shards_are_cut_like_others():
    order = ShuffledShards([7, 3, 9], buffer=5)
    whole = list(TrainBatches(19, 6, seed=3, order=order))
    shares = [list(TrainBatches(19, 2, seed=3, rank=rank, ranks=3, order=order)) for rank in range(3)]
    for number, batch in enumerate(whole[:3]):
        assert sorted(batch) == sorted(item for share in shares for item in share[number])
    assert [len(share) for share in shares] == [3, 3, 3], "the one that is left is fewer than three"


def test_an_epoch_that_a_limit_has_ended_is_not_gone_on_with():
    cut = loader(0)
    for _ in zip(range(2), cut, strict=False):
        pass
    assert cut.state_dict(limit=3) == {"handed_out": 2}
    assert cut.state_dict(limit=2) == {"handed_out": 0}
