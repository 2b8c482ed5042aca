"""What every data module shares: records by split, batches that can be resumed and cut over processes, workers."""

import logging
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from multiprocessing import get_start_method
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor, nn

from seqvision.data.loading import EvaluationBatches, Item, Loader, ResumableLoader, TrainBatches
from seqvision.data.workers import Workers, choose_workers, shared_memory_room, usable_cores
from seqvision.devices import SHARES_MEMORY
from seqvision.errors import SettingError, UserError
from seqvision.wording import counted

TRIED = 8  # items whose reading is timed
SEEN = ("train", "val")  # the splits that a training sees; no other is given to its task
FEW_ITEMS = 8  # of a batch, for one process
FEW_STEPS = 4  # of an epoch
ENOUGH_STEPS = 300  # of a whole training: with these, a few an epoch are no matter
WANTED_STEPS = 1000  # of a whole training, where there were fewer
MOST_WORKERS = 64  # on a machine of few cores; elsewhere 8 per core

log = logging.getLogger(__name__)


@runtime_checkable
class BatchDataset(Protocol):
    """Whole batches by a list of items: a pure function, so that any worker can make any batch."""

    def __len__(self) -> int: ...

    def __getitems__(self, items: Sequence[Item]) -> Any:
        """The batch of these items; torch's loader asks for it so."""

    def length(self, item: Item) -> int:
        """How long the item's sequence is."""


class RecordData(LightningDataModule):
    """Batches of some kind of records; a subclass says what the records are and what a batch of them is.

    batch_size: the global batch: with several processes each takes its share.
    sort_by_length: items of about the same length share a batch; quicker where lengths differ widely, but a batch is
        then no longer a fair sample, and learning takes more steps.
    take: only so many items of a split, {"train": 500}, drawn by `seed`; the others as they are.
    memorise: trains on that many items and validates on the same: what any network should manage before anything else
        is tried.
    num_workers: processes that read; "auto" takes none where the data lie in memory or an epoch is soon read, else one
        a core.
    """

    unit = "items"  # what the records are called in what is printed

    def __init__(
        self,
        *,
        batch_size: int = 64,
        evaluation_batch_size: int = 100,
        num_workers: int | str = "auto",
        sort_by_length: bool = False,
        take: Mapping[str, int] | None = None,
        memorise: int | None = None,
        seed: int = 0,
    ):
        super().__init__()
        for name, size in (("batch_size", batch_size), ("evaluation_batch_size", evaluation_batch_size)):
            if size < 1:
                raise UserError(f"data.{name} is {size}; expected 1 or more")
        if memorise is not None and memorise < 1:
            raise UserError(f"data.memorise is {memorise}; expected 1 or more {self.unit}, or null")
        most = max(MOST_WORKERS, 8 * usable_cores())  # more would only exhaust the machine's memory
        if num_workers != "auto" and (isinstance(num_workers, str) or not 0 <= num_workers <= most):
            raise SettingError("num_workers", num_workers, f"auto or a whole number from 0 to {most}")
        self.batch_size = batch_size
        self.evaluation_batch_size = evaluation_batch_size
        self.num_workers = num_workers
        self.sort_by_length = sort_by_length
        self.take = dict(take or {})
        self.memorise = memorise
        self.seed = seed
        self._train_loader: ResumableLoader | None = None
        self._position: dict[str, int] = {}

    # --- what a subclass gives

    def read(self) -> Sequence[Any]:
        """All records, each with an `id` and its `split`."""
        raise NotImplementedError

    def dataset(self, split: str, *, training: bool) -> BatchDataset:
        """The items of a split; `training`: varied from epoch to epoch, where the data are."""
        raise NotImplementedError

    def model_sizes(self) -> dict[str, Any]:
        """What the network learns from the data: its arguments that no configuration says."""
        raise NotImplementedError

    def held(self) -> dict[str, Any]:
        """What a checkpoint carries so that the network can be used on other files: plain data."""
        raise NotImplementedError

    def task_parts(self) -> dict[str, Any]:
        """What the task is given beside the network."""
        raise NotImplementedError

    def summary(self) -> str:
        """The data in a line."""
        return f"{self.unit}: " + ", ".join(f"{len(records)} {split}" for split, records in self.records.items())

    def prepare(self, model: nn.Module, *, cache: str | Path | None, device: torch.device) -> None:
        """What is computed once before training: a frozen encoder's features, the inputs' statistics."""

    def sample_pictures(self) -> Tensor:
        """Evenly spaced training pictures (pictures, channels, height, width), uint8, whose channels can be measured.
        UserError where the data are none.
        """
        raise UserError(
            f"normalise=measured: these {self.unit} are no pictures for an encoder; leave it out (normalise=null)"
        )

    def few(self, records: Sequence[Any]) -> Sequence[Any]:
        """The records that are learnt by heart."""
        return records[: self.memorise]

    def in_memory(self, dataset: Any) -> bool:
        """Whether reading an item costs no more than workers would."""
        return False

    def batch_bytes(self, dataset: Any, batch_size: int) -> int:
        """About how large a batch is, for the memory that workers share."""
        return batch_size << 16

    def order(self, split: str) -> Callable[..., Tensor] | None:
        """How an epoch is shuffled, where not anyhow."""
        return None

    # --- records

    def read_splits(self) -> dict[str, Sequence[Any]]:
        """The records by split."""
        splits: dict[str, Any] = {}
        for record in self.read():
            if record.split is not None:
                splits.setdefault(record.split, []).append(record)
        return splits

    @cached_property
    def records(self) -> Mapping[str, Sequence[Any]]:
        """The records by split; training and validation must not be empty."""
        splits = {"train": [], "val": [], **self.read_splits()}
        for name in ("train", "val"):
            if not splits[name]:
                found = ", ".join(f"{len(records)} in '{split}'" for split, records in splits.items())
                raise UserError(f"data: the split '{name}' has no {self.unit} ({found}); see `seqvision data check`")
        splits = self.taken(splits)
        if self.memorise:
            splits["train"] = splits["val"] = self.few(splits["train"])
        return splits

    def taken(self, splits: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        """The splits, with only so many records as `take` says of those that it names."""
        found = {name: self._some_of(splits.get(name, []), name, number) for name, number in self.take.items()}
        return {**splits, **found}

    def _some_of(self, records: Sequence[Any], split: str, number: int) -> list[Any]:
        """So many of the records, in their order, the same for every run with this seed."""
        if not 0 < number <= len(records):
            raise UserError(
                f"data.take.{split} is {number}; the split '{split}' has {len(records)} {self.unit}: expected a number "
                "from 1 to that, or none"
            )
        return [records[place] for place in sorted(random.Random(self.seed).sample(range(len(records)), number))]

    # --- loaders

    def train_dataloader(self) -> ResumableLoader:
        rank, ranks = self._place()
        if self.batch_size % ranks:
            raise UserError(
                f"data.batch_size={self.batch_size} is the global batch and must be a multiple of the {ranks} "
                f"processes; take {-(-self.batch_size // ranks) * ranks}"
            )
        dataset = self.dataset("train", training=True)
        if len(dataset) < ranks:
            raise UserError(
                f"data: {len(dataset)} {self.unit} to train on for {ranks} processes, of which each needs one. Take "
                f"trainer.devices=1, or more {self.unit}"
            )
        batches = TrainBatches(
            len(dataset),
            self.batch_size // ranks,
            seed=self.seed,
            rank=rank,
            ranks=ranks,
            order=self.order("train"),
            length=dataset.length if self.sort_by_length else None,
        )
        settings = self._loader_settings(dataset, self.batch_size // ranks)
        self._train_loader = ResumableLoader(dataset, batches, **settings)
        self._warn_of_few_steps(len(dataset), len(batches), rank, ranks)
        if ranks > 1 and not rank and self.batch_size < FEW_ITEMS * ranks:
            log.warning(
                "few items: data.batch_size=%d is the global batch, so each of %d processes has %s a step, and most of "
                "the time goes into exchanging gradients. Set data.batch_size=%d or more, or fewer processes "
                "(trainer.devices)",
                self.batch_size,
                ranks,
                counted(self.batch_size // ranks, self.unit.removesuffix("s")),
                FEW_ITEMS * ranks,
            )
        if self._position:
            self._train_loader.load_state_dict(self._position)
        return self._train_loader

    def state_dict(self) -> dict[str, int]:
        """How far the training epoch is; Lightning keeps it in every checkpoint."""
        if self._train_loader is None:
            return {}
        return self._train_loader.state_dict(self.trainer.num_training_batches if self.trainer else math.inf)

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Where the next training loader goes on."""
        self._position = state_dict

    def val_dataloader(self) -> Loader:
        return self.evaluation_dataloader("val")

    def evaluation_dataloader(self, split: str) -> Loader:
        """The records of a split in order, each once over all processes."""
        rank, ranks = self._place()
        dataset = self.dataset(split, training=False)
        if len(dataset) < ranks:
            raise UserError(
                f"data: {len(dataset)} {self.unit} in '{split}' for {ranks} processes, of which each needs one. Take "
                f"trainer.devices=1, or {ranks} {self.unit} or more in '{split}'"
            )
        batches = EvaluationBatches(len(dataset), self.evaluation_batch_size, rank=rank, ranks=ranks)
        return Loader(dataset, batches, **self._loader_settings(dataset, self.evaluation_batch_size))

    def _loader_settings(self, dataset: BatchDataset, batch_size: int) -> dict[str, Any]:
        workers = self._workers(dataset, batch_size)
        return {
            "collate_fn": as_it_is,
            "num_workers": workers.number,
            "prefetch_factor": workers.ahead,
            "persistent_workers": workers.number > 0,
            "pin_memory": self._pinned(),
        }

    def _pinned(self) -> bool:
        """Whether batches are put where an accelerator takes them from without anyone waiting."""
        if self.trainer is None:
            return torch.cuda.is_available()
        return self.trainer.strategy.root_device.type not in SHARES_MEMORY

    def _workers(self, dataset: BatchDataset, batch_size: int) -> Workers:
        if self.num_workers != "auto":
            return Workers(int(self.num_workers), 2 if self.num_workers else None)
        if self.in_memory(dataset):
            return Workers(0, None)
        tried = range(0, len(dataset), -(-len(dataset) // TRIED))
        begun = time.perf_counter()
        dataset.__getitems__([Item(index, index) for index in tried])
        seconds = (time.perf_counter() - begun) / len(tried) * len(dataset)
        sharing = self.trainer.num_devices if self.trainer is not None else 1
        return choose_workers(
            seconds,
            batch_bytes=self.batch_bytes(dataset, batch_size),
            cores=usable_cores() // sharing,
            start_method=get_start_method(),
            room=shared_memory_room(),
        )

    def _warn_of_few_steps(self, items: int, batches: int, rank: int, ranks: int) -> None:
        """A warning where the training as a whole has hardly a step to learn in, with what to set."""
        if self.trainer is None or rank:
            return
        accumulated, epochs = self.trainer.accumulate_grad_batches, self.trainer.max_epochs
        steps = -(-batches // accumulated)
        if epochs is None or epochs < 0 or epochs * steps >= ENOUGH_STEPS:
            return
        unit = "windows" if getattr(self, "window", None) else self.unit
        smaller = min(self.batch_size, max(1, items // (2 * FEW_STEPS * ranks)) * ranks)
        settings = [f"data.batch_size={smaller}"] if steps < FEW_STEPS and smaller < self.batch_size else []
        settings += ["trainer.accumulate_grad_batches=1"] if accumulated > 1 else []
        then = -(-items // smaller) if settings else steps
        log.warning(
            "few steps: %s with data.batch_size=%d%s make %s an epoch, %d in all, and a network from scratch wants "
            "some hundred. Set %s",
            counted(items, unit.removesuffix("s")),
            self.batch_size,
            f" and trainer.accumulate_grad_batches={accumulated}" if accumulated > 1 else "",
            counted(steps, "step"),
            epochs * steps,
            " ".join([*settings, f"trainer.max_epochs={max(epochs, -(-WANTED_STEPS // then))}"]),
        )

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)


def as_it_is(batch: Any) -> Any:
    """The batch: the loader's `collate_fn`, for `__getitems__` has put it together."""
    return batch
