"""The recurrences against torch's, against the reference loop, and against the limit: the matrix products alone.

    OMP_NUM_THREADS=2 python -m pytest tests/benchmarks/test_recurrence_speed.py -s -o addopts=--import-mode=importlib

The limit multiplies what forward and backward cannot do without: the input projection, one product a step forward and
one backward, and one each over all steps for the gradients of both weights and of the input. Ratios are medians over
rounds in which all took turns. The bars hold on two threads; a tenth is allowed for noise.
"""

from collections.abc import Callable

import pytest
import torch
from measuring import interleaved, middle, peak_memory, products, ratio, record
from torch import Tensor

from seqvision.rnn import ElmanCell, LayerNormElmanCell, Recurrent

# T, B, D, H: at most this share of torch.nn.RNN's time, at most so many times the products' time
SHAPES = {
    (64, 64, 256, 512): (0.85, 1.15),
    (32, 128, 128, 256): (0.80, 1.15),
    (256, 32, 64, 128): (0.48, 1.25),
    (16, 8, 128, 256): (0.56, 1.40),
    (784, 64, 1, 128): (0.55, 1.40),
}
NOISE = 1.1
Shape = tuple[int, int, int, int]


@pytest.fixture(autouse=True)
def _as_a_user_has_it():
    torch.manual_seed(0)
    if torch.get_num_threads() < 2:
        pytest.skip("the bars are for two threads: set OMP_NUM_THREADS=2")


def networks(shape: Shape) -> dict[str, torch.nn.Module]:
    *_, inputs, hidden = shape
    return {
        "layernorm": Recurrent(LayerNormElmanCell, inputs, hidden, backend="fused"),
        "elman": Recurrent(ElmanCell, inputs, hidden, backend="fused"),
        "reference": Recurrent(LayerNormElmanCell, inputs, hidden, backend="reference"),
        "nn.RNN": torch.nn.RNN(inputs, hidden, batch_first=True),
        "nn.LSTM": torch.nn.LSTM(inputs, hidden, batch_first=True),
    }


def training(network: torch.nn.Module, x: Tensor, *arguments: Tensor) -> Callable[[], object]:
    """One forward and backward pass, without the sum that a loss would cost."""
    gradient = torch.randn(*x.shape[:2], network.hidden_size)

    def run() -> None:
        network(x, *arguments)[0].backward(gradient)

    return run


def inference(network: torch.nn.Module, x: Tensor) -> Callable[[], object]:
    def run() -> None:
        with torch.no_grad():
            network(x)

    return run


@pytest.mark.parametrize("work", ["training", "inference"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_close_to_the_products_alone(shape: Shape, work: str):
    steps, batch, inputs, hidden = shape
    x = torch.randn(batch, steps, inputs, requires_grad=work == "training")
    make = training if work == "training" else inference
    runs = {name: make(network, x) for name, network in networks(shape).items()}
    times = interleaved({**runs, "products": products(x, hidden, backward=work == "training")}, rounds=11)
    over_torch, over_products = ratio(times, "layernorm", "nn.RNN"), ratio(times, "layernorm", "products")
    plain = ratio(times, "elman", "layernorm")
    row = {
        "shape": list(shape),
        "work": work,
        "milliseconds": {name: round(1e3 * middle(seconds), 3) for name, seconds in times.items()},
        "over nn.RNN": over_torch,
        "over products": over_products,
        "elman over nn.RNN": ratio(times, "elman", "nn.RNN"),
        "elman over layernorm": plain,
    }
    print(f"\n{work} {shape}: {row['milliseconds']}\n  over nn.RNN {over_torch}, over the products {over_products}")
    record(f"recurrence_{work}_{'x'.join(map(str, shape))}", [row])
    most_of_torch, most_of_products = SHAPES[shape]
    assert over_torch["median"] <= most_of_torch * NOISE
    assert over_products["median"] <= most_of_products * NOISE
    assert plain["median"] <= NOISE


def test_twice_the_steps_cost_twice_the_time():
    network = Recurrent(LayerNormElmanCell, 64, 128, backend="fused")
    runs = {str(steps): training(network, torch.randn(32, steps, 64, requires_grad=True)) for steps in (256, 512)}
    cost = ratio(interleaved(runs, rounds=15), "512", "256")
    print(f"\ntwice the steps: {cost}")
    record("recurrence_twice_the_steps", [{"ratio": cost}])
    assert cost["median"] <= 2.1 * NOISE


@pytest.mark.parametrize("shape", list(SHAPES)[:3], ids=lambda shape: "x".join(map(str, shape)))
def test_ragged_batches_cost_what_their_steps_cost(shape: Shape):
    steps, batch, inputs, hidden = shape
    network = Recurrent(LayerNormElmanCell, inputs, hidden, backend="fused")
    x = torch.randn(batch, steps, inputs, requires_grad=True)
    lengths = torch.randint(steps // 8, steps + 1, (batch,))
    lengths[0] = steps
    times = interleaved({"ragged": training(network, x, lengths), "padded": training(network, x)}, rounds=11)
    share = ratio(times, "ragged", "padded")
    filled = float(lengths.sum()) / (steps * batch)
    print(f"\nragged {shape}: {share} of the padded batch's time, {filled:.2f} of its steps")
    record(f"recurrence_ragged_{'x'.join(map(str, shape))}", [{"shape": shape, "ratio": share, "filled": filled}])
    assert share["median"] <= 0.7 * NOISE


STEP = """
import sys, torch
from measuring import peak_of
from seqvision.rnn import LayerNormElmanCell, Recurrent

kind, steps, batch, inputs, hidden = sys.argv[1], *map(int, sys.argv[2:])
if kind == "layernorm":
    network = Recurrent(LayerNormElmanCell, inputs, hidden, backend="fused")
else:
    network = torch.nn.RNN(inputs, hidden, batch_first=True)

def step(steps=steps):
    network(torch.randn(batch, steps, inputs, requires_grad=True))[0].sum().backward()

step(4)
print(peak_of(step))
"""


@pytest.mark.parametrize("shape", [(64, 64, 256, 512), (784, 64, 1, 128)], ids=lambda shape: "x".join(map(str, shape)))
def test_no_more_memory_than_torch(shape: Shape):
    peak = {kind: peak_memory(STEP, kind, *shape) for kind in ("layernorm", "nn.RNN")}
    print(f"\npeak memory of a training step {shape}, MiB: {peak}")
    record(f"recurrence_memory_{'x'.join(map(str, shape))}", [{"shape": shape, "MiB": peak}])
    assert peak["layernorm"] <= peak["nn.RNN"]
