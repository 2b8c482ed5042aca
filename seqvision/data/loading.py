"""Which items make which batch: a pure function of seed, epoch, rank and position, so that a run can be resumed
anywhere and cut over any number of processes."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader, Sampler

POOL = 8  # global batches that are sorted together


class Item(NamedTuple):
    """One draw: which record by its number, and the seed of its caption and its augmentation."""

    record: int
    seed: int


def seed_of(*parts: int) -> int:
    """One non-negative seed from several numbers, the same in every process and on every machine."""
    return hash(parts) & 0x7FFF_FFFF_FFFF_FFFF  # the hash of a tuple of integers is not salted


class TrainBatches(Sampler[list[Item]]):
    """A rank's share of each global batch of a shuffled epoch; can start at any batch.

    Every rank gets the same number of batches. The last global batch may be smaller; where it has fewer items than
    there are ranks it is left out (they come at another place in the next epoch).

    length: how long an item's sequence is. Items of about the same length then share a batch, so that little of it is
        padding: the shuffled order is cut into pools of `POOL` global batches, and each pool is sorted.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        length: Callable[[Item], int] | None = None,
    ):
        self.size, self.batch_size, self.seed, self.rank, self.ranks = size, batch_size, seed, rank, ranks
        self.length = length
        self.epoch = 0
        self.first = 0

    @property
    def sampler(self) -> "TrainBatches":
        """Itself: Lightning tells the epoch to a batch sampler's sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Which epoch's order comes next; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        whole, rest = divmod(self.size, self.batch_size * self.ranks)
        return whole + (rest >= self.ranks)

    def __iter__(self) -> Iterator[list[Item]]:
        shuffler = torch.Generator().manual_seed(seed_of(self.seed, self.epoch))
        order = torch.randperm(self.size, generator=shuffler).tolist()
        items = [Item(index, seed_of(self.seed, self.epoch, index)) for index in order]
        step = self.batch_size * self.ranks
        if self.length is not None:
            pools = [items[i : i + POOL * step] for i in range(0, len(items), POOL * step)]
            items = [item for pool in pools for item in sorted(pool, key=self.length)]
        batches = [items[i : i + step] for i in range(0, len(items), step)]
        if self.length is not None:  # the last one may be smaller and stays where it is
            head = torch.randperm(len(batches) - 1, generator=shuffler).tolist()
            batches = [*(batches[i] for i in head), batches[-1]]
        for batch in batches[self.first : len(self)]:
            yield batch[self.rank :: self.ranks]


class EvaluationBatches(Sampler[list[Item]]):
    """A rank's share of all items in order, each exactly once over all ranks."""

    def __init__(self, size: int, batch_size: int, *, rank: int = 0, ranks: int = 1):
        self.share = range(rank, size, ranks)
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.share) // self.batch_size)

    def __iter__(self) -> Iterator[list[Item]]:
        for start in range(0, len(self.share), self.batch_size):
            yield [Item(index, seed_of(index)) for index in self.share[start : start + self.batch_size]]


class ResumableLoader(DataLoader):
    """A data loader that knows how many batches of the epoch it has handed out, and can go on from there.

    The data module keeps its state in every checkpoint. (Lightning would too, but loses it where the schedule's
    length is asked for before the run: the loader is made then, and not told.)
    """

    def __init__(self, dataset: Any, batches: TrainBatches, **settings: Any):
        # a generator of its own: the workers' seeds must not be drawn from the generator that training draws from
        super().__init__(dataset, batch_sampler=batches, generator=torch.Generator().manual_seed(0), **settings)
        self.batches = batches
        self.handed_out = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.handed_out = self.batches.first
        for batch in super().__iter__():
            self.batches.first = 0  # only the epoch that was interrupted begins in the middle
            self.handed_out += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """How far the epoch is."""
        return {"handed_out": self.handed_out}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on behind that many batches; a finished epoch starts anew."""
        self.batches.first = state["handed_out"] % len(self.batches)
