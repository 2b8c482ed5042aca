"""A pattern of one's own, whole: how often does a wave swing? A sequence in, a number out.

The order is that of CONTRIBUTING's steps. Inside the package each part would stand in the room that its heading names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.cli.patterns import Pattern
from seqvision.data import RecordData
from seqvision.data.loading import Item
from seqvision.inference import LoadedModel, load_model
from seqvision.metrics.bootstrap import bootstrap_interval
from seqvision.rnn import Recurrent
from seqvision.tasks import Task

# --- seqvision/data: records, a named batch of them, a data module


@dataclass(frozen=True, eq=False)
class Wave:
    """A recording (time,) and how often it swings in 100 steps."""

    id: str
    values: np.ndarray
    rate: float
    split: str


@dataclass(frozen=True)
class WaveBatch:
    """values: zeros past a wave's length."""

    values: Float[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"]
    rates: Float[Tensor, " batch"]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "WaveBatch":
        moved = {name: value.to(device, non_blocking=non_blocking) for name, value in vars(self).items()}
        return replace(self, **moved)


class Waves:
    """Batches by a list of items; what it draws, it would draw from `item.seed`."""

    def __init__(self, records: Sequence[Wave]):
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitems__(self, items: Sequence[Item]) -> WaveBatch:
        return wave_batch([self.records[item.record] for item in items])

    def length(self, item: Item) -> int:
        return len(self.records[item.record].values)


def wave_batch(records: Sequence[Wave]) -> WaveBatch:
    values = [torch.from_numpy(record.values) for record in records]
    return WaveBatch(
        nn.utils.rnn.pad_sequence(values, batch_first=True),
        torch.tensor([len(each) for each in values]),
        torch.tensor([record.rate for record in records]),
    )


class WaveData(RecordData):
    """Noisy waves, drawn by `wave_seed`."""

    unit = "waves"

    def __init__(self, counts: dict[str, int], *, wave_seed: int = 0, **settings: Any):
        super().__init__(**settings)
        self.counts, self.wave_seed = counts, wave_seed

    def read(self) -> list[Wave]:
        draws = np.random.default_rng(self.wave_seed)
        return [wave(f"{split}/{row}", split, draws) for split, count in self.counts.items() for row in range(count)]

    def dataset(self, split: str, *, training: bool) -> Waves:
        return Waves(self.records[split])

    def in_memory(self, dataset: Waves) -> bool:
        return True

    def model_sizes(self) -> dict[str, Any]:
        return {"usual": float(np.mean([record.rate for record in self.records["train"]]))}

    def held(self) -> dict[str, Any]:
        return {"unit": "in 100 steps"}

    def task_parts(self) -> dict[str, Any]:
        return {}


def wave(id: str, split: str, draws: np.random.Generator) -> Wave:
    rate, length = draws.uniform(3, 12), draws.integers(40, 60)
    values = np.sin(2 * np.pi * (rate * np.arange(length) / 100 + draws.uniform())) + draws.normal(0, 0.1, length)
    return Wave(id, values.astype(np.float32), rate, split)


# --- seqvision/models: plain torch


class WaveRate(nn.Module):
    """A number of each sequence. usual: where it begins."""

    def __init__(self, rnn: Callable[..., Recurrent], *, usual: float):
        super().__init__()
        self.rnn = rnn(input_size=1)
        self.output = nn.Linear(self.rnn.output_size, 1)
        nn.init.constant_(self.output.bias, usual)

    def forward(self, values: Float[Tensor, "batch time"], lengths: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        outputs, _ = self.rnn(values.unsqueeze(-1), lengths)  # zeros past a sequence's length
        rates: Tensor = self.output(outputs.sum(dim=1) / lengths.unsqueeze(-1)).squeeze(-1)
        return rates


# --- seqvision/tasks: a batch in, the summed loss and the number of items out


class Rating(Task):
    """Squared error; validates by the mean distance."""

    def loss(self, batch: WaveBatch) -> tuple[Tensor, Tensor]:
        error = self.model(batch.values, batch.lengths) - batch.rates
        return error.square().sum(), torch.tensor(len(error))

    def on_validation_epoch_start(self) -> None:
        self.distances: list[float] = []

    def validation_step(self, batch: WaveBatch, batch_idx: int) -> None:
        self.distances += (self.model(batch.values, batch.lengths) - batch.rates).abs().tolist()

    def on_validation_epoch_end(self) -> None:
        self.log("val/distance", float(np.mean(self.gather(self.distances))), prog_bar=True)


# --- seqvision/inference: a checkpoint and a person's data in, predictions and what they are worth out


@dataclass(frozen=True)
class LoadedWaveRate(LoadedModel):
    """The network with the unit of its numbers."""

    pattern: ClassVar[str] = "rating"
    network: ClassVar[type[nn.Module]] = WaveRate

    unit: str

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        return {"unit": str(held["unit"])}


@dataclass(frozen=True)
class RateEvaluation:
    """Mean distances of a split, beside that of the training waves' mean."""

    split: str
    sizes: dict[str, int]
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    controls: dict[str, dict[str, float]]
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


# --- seqvision/cli/patterns: from the options of `seqvision evaluate` to scores


class RatingPattern(Pattern):
    """A prediction is a number."""

    def load(self) -> None:
        self.models = [load_model(self.given.checkpoint[0], LoadedWaveRate, **self.how())]

    @torch.inference_mode()
    def predict(self, records: Sequence[Wave], splits: Any) -> np.ndarray:
        batch = wave_batch(records).to(self.models[0].device)
        return self.models[0].model(batch.values, batch.lengths).cpu().numpy()

    def evaluate(self, predictions: np.ndarray, records: Sequence[Wave], *, split: str, splits: Any, data: Any) -> Any:
        truth = np.array([record.rate for record in records])
        distances = abs(predictions - truth)
        usual = np.mean([record.rate for record in splits["train"]])
        return RateEvaluation(
            split,
            {"waves": len(records)},
            {"distance": float(distances.mean())},
            {"distance": bootstrap_interval(distances, **self.settings())},
            {"majority": {"distance": float(abs(truth - usual).mean())}},
        )
