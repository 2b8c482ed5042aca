"""GRU and LSTM against torch's networks, padded and ragged, and the layer-normalised LSTM against torch's plain one.

    python -m pytest tests/benchmarks/test_gated_speed.py -s -o addopts=--import-mode=importlib

Ratios are medians over rounds in which all took turns; torch's ragged batches go through its packed sequences. The bar
is that what `backend=auto` takes is not slower; what it would be otherwise is written down as well. All run on one
thread, torch's best case (its threads meet several times a step), and what counts is the processor's time, which other
programs stretch least.
"""

import time
from collections.abc import Callable

import pytest
import torch
from measuring import interleaved, middle, ratio, record

from seqvision.rnn import GRUCell, LayerNormLSTMCell, LSTMCell, Recurrent
from seqvision.rnn.kernels import faster_than_torch

SHAPES = [(400, 4, 64, 64), (75, 8, 256, 256), (30, 64, 128, 128), (784, 64, 1, 128), (20, 128, 512, 512)]  # T, B, D, H
NOISE = 1.1
CELLS = {"gru": (GRUCell, "nn.GRU"), "lstm": (LSTMCell, "nn.LSTM"), "layernorm_lstm": (LayerNormLSTMCell, "nn.LSTM")}


@pytest.fixture(autouse=True)
def _one_thread():
    torch.manual_seed(0)
    kept = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(kept)


def passes(
    network: torch.nn.Module, x: torch.Tensor, lengths: torch.Tensor | None, gradient: torch.Tensor
) -> Callable[[], object]:
    """A pass without the sum that a loss would cost, forward alone where the input wants no gradient."""

    def outputs() -> torch.Tensor:
        if isinstance(network, Recurrent):
            return network(x, lengths)[0]
        if lengths is None:
            return network(x)[0]
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return torch.nn.utils.rnn.pad_packed_sequence(network(packed)[0], batch_first=True)[0]

    def run() -> None:
        with torch.set_grad_enabled(x.requires_grad):
            found = outputs()
            if x.requires_grad:
                found.backward(gradient)

    return run


@pytest.mark.parametrize("lengths", ["padded", "ragged"])
@pytest.mark.parametrize("work", ["training", "inference"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_what_auto_takes_is_not_slower_than_torch(shape: tuple[int, int, int, int], work: str, lengths: str):
    steps, batch, inputs, hidden = shape
    x, gradient = torch.randn(batch, steps, inputs, requires_grad=work == "training"), torch.randn(batch, steps, hidden)
    some = torch.randint(steps // 8, steps + 1, (batch,)) if lengths == "ragged" else None
    if some is not None:
        some[0] = steps
    networks: dict[str, torch.nn.Module] = {
        name: Recurrent(cell, inputs, hidden, backend="fused") for name, (cell, _) in CELLS.items()
    }
    networks["nn.GRU"] = torch.nn.GRU(inputs, hidden, batch_first=True)
    networks["nn.LSTM"] = torch.nn.LSTM(inputs, hidden, batch_first=True)
    runs = {name: passes(network, x, some, gradient) for name, network in networks.items()}
    times = interleaved(runs, rounds=7, warmup=1, clock=time.process_time)
    over = {name: ratio(times, name, torchs) for name, (_, torchs) in CELLS.items()}
    row = {
        "shape": list(shape),
        "work": work,
        "lengths": lengths,
        "milliseconds": {name: round(1e3 * middle(seconds), 3) for name, seconds in times.items()},
        "over torch": over,
    }
    print(f"\n{work} {lengths} {shape}: {row['milliseconds']}\n  over torch's {over}")
    record(f"gated_{work}_{lengths}_{'x'.join(map(str, shape))}", [row])
    for name, (cell, _) in list(CELLS.items())[:2]:
        if faster_than_torch(cell(inputs, hidden), x, some):
            assert over[name]["median"] <= NOISE, name
