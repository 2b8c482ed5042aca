"""What makes the gradients of a surface noisy: examples, each of which pulls at the point in a direction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqvision.data.loading import Item
from seqvision.data.module import RecordData
from seqvision.errors import UserError


@dataclass(frozen=True, eq=False)
class Pull:
    """One example: what it adds to the surface's gradient (2,)."""

    id: str
    pull: Tensor
    split: str


@dataclass(frozen=True)
class PullBatch:
    """The pulls of a batch."""

    pulls: Float[Tensor, "batch 2"]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "PullBatch":
        return replace(self, pulls=self.pulls.to(device, non_blocking=non_blocking))


class Pulls:
    """Batches of pulls by a list of items."""

    def __init__(self, records: Sequence[Pull]):
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitems__(self, items: Sequence[Item]) -> PullBatch:
        return PullBatch(torch.stack([self.records[item.record].pull for item in items]))

    def length(self, item: Item) -> int:
        return 1


class PullData(RecordData):
    """`examples` pulls from a normal distribution of deviation `noise`, moved so that all together pull nowhere: the
    gradient of a batch is the surface's and the mean of its pulls, that of all examples the surface's own. Validation
    has one example, without a pull.

    UserError for fewer than one example, or a negative noise.
    """

    unit = "pulls"

    def __init__(self, *, examples: int = 100, noise: int | float = 0.0, **settings: Any):
        super().__init__(**settings)
        if examples < 1 or noise < 0:
            raise UserError(f"data: examples is {examples} and noise {noise}; expected 1 or more, and 0 or more")
        self.examples, self.noise = examples, noise

    def read(self) -> list[Pull]:
        drawn = torch.randn(self.examples, 2, generator=torch.Generator().manual_seed(self.seed))
        pulls = self.noise * (drawn - drawn.mean(dim=0))
        train = [Pull(f"train/{row}", pull, "train") for row, pull in enumerate(pulls)]
        return [*train, Pull("val/0", torch.zeros(2), "val")]

    def dataset(self, split: str, *, training: bool) -> Pulls:
        return Pulls(self.records[split])

    def in_memory(self, dataset: Any) -> bool:
        return True

    def model_sizes(self) -> dict[str, Any]:
        return {}

    def held(self) -> dict[str, Any]:
        return {}

    def task_parts(self) -> dict[str, Any]:
        return {}
