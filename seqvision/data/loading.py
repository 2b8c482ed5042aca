"""Which items make which batch: a pure function of seed, epoch, rank and position, so that a run can be resumed
anywhere and cut over any number of processes."""

import math
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from seqvision.errors import UserError

POOL = 8  # global batches that are sorted together
GRACE = 30.0  # seconds that a worker outlives a signal to end


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

    order: called with `generator=…`, an epoch's order of the items; any order unless given.
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
        order: Callable[..., Tensor] | None = None,
        length: Callable[[Item], int] | None = None,
    ):
        self.size, self.batch_size, self.seed, self.rank, self.ranks = size, batch_size, seed, rank, ranks
        self.order = order or partial(torch.randperm, size)
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
        order = self.order(generator=shuffler)
        step = self.batch_size * self.ranks
        batches = list(order.split(step)) if self.length is None else self._alike(order, step, shuffler)
        for batch in batches[self.first : len(self)]:
            yield [self._item(index) for index in batch[self.rank :: self.ranks].tolist()]

    def _alike(self, order: Tensor, step: int, shuffler: torch.Generator) -> list[Tensor]:
        """Global batches of items of about the same length."""
        assert self.length is not None
        lengths = torch.tensor([self.length(self._item(index)) for index in order.tolist()])
        pools = zip(order.split(POOL * step), lengths.split(POOL * step), strict=True)
        batches = [batch for pool, of in pools for batch in pool[of.argsort(stable=True)].split(step)]
        # the last one may be smaller and stays where it is
        return [*(batches[i] for i in torch.randperm(len(batches) - 1, generator=shuffler).tolist()), batches[-1]]

    def _item(self, index: int) -> Item:
        return Item(index, seed_of(self.seed, self.epoch, index))


class ShuffledShards:
    """Orders of items that lie in shards: a shard after the other, in any order, shuffled as they come.

    Each item comes out at most `buffer` places from where its shard would have put it, so that only the shards of a
    few thousand items are read at a time. What a buffer of that size that gives out any of its items does, too, but
    known beforehand, so that it can be cut over processes and workers, and begun anywhere.
    """

    def __init__(self, counts: Sequence[int], *, buffer: int):
        self.counts, self.buffer = counts, buffer

    def __call__(self, *, generator: torch.Generator) -> Int[Tensor, " items"]:
        shards = torch.arange(sum(self.counts)).split(list(self.counts))
        stream = torch.cat([shards[i] for i in torch.randperm(len(shards), generator=generator).tolist()])
        delay = self.buffer * torch.rand(len(stream), generator=generator, dtype=torch.float64)
        return stream[(torch.arange(len(stream)) + delay).argsort(stable=True)]


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


class Loader(DataLoader):
    """A data loader with a generator of its own, so that its workers' seeds are not drawn from the one that training
    draws from; what a worker says that a user can mend reads as it was said."""

    def __init__(self, dataset: Any, batches: Sampler[list[Item]], **settings: Any):
        own = torch.Generator().manual_seed(0)
        super().__init__(dataset, batch_sampler=batches, generator=own, worker_init_fn=_outlive_signals, **settings)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        try:
            yield from super().__iter__()
        except UserError as error:  # torch puts the worker's traceback before it
            raise UserError(str(error).rpartition("UserError: ")[2].strip()) from error


def _outlive_signals(_: int) -> None:
    """Lets a worker read on when its whole group is signalled, so that its owner, which ends it, can end in order."""

    def end_later(*_: object) -> None:
        late = threading.Timer(GRACE, os._exit, (1,))
        late.daemon = True
        late.start()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_later)


class ResumableLoader(Loader):
    """A data loader that knows how many batches of the epoch it has handed out, and can go on from there.

    The data module keeps its state in every checkpoint. (Lightning would too, but loses it where the schedule's
    length is asked for before the run: the loader is made then, and not told.)
    """

    def __init__(self, dataset: Any, batches: TrainBatches, **settings: Any):
        super().__init__(dataset, batches, **settings)
        self.batches = batches
        self.handed_out = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.handed_out = self.batches.first
        for batch in super().__iter__():
            self.batches.first = 0  # only the epoch that was interrupted begins in the middle
            self.handed_out += 1
            yield batch

    def state_dict(self, limit: int | float = math.inf) -> dict[str, int]:
        """How far the epoch is: 0 when it is over, which a limit of its batches can bring forward."""
        return {"handed_out": self.handed_out if self.handed_out < min(limit, len(self.batches)) else 0}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on behind that many batches; a finished epoch starts anew."""
        self.batches.first = state["handed_out"] % len(self.batches)
