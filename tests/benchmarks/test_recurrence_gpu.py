"""The Elman recurrences on an NVIDIA GPU: Triton's kernel, cuDNN, the reference loop, and the products alone.

    python -m pytest tests/benchmarks/test_recurrence_gpu.py -s -o addopts=--import-mode=importlib

It holds no bars yet, for nobody has run it: its rows decide whether rnn.backend=auto takes the kernel, and for which
sizes. All compute in true single precision; cuDNN's default, TensorFloat-32, is switched off. A time goes from the
call to the moment when the GPU has finished, so it holds what the host does. What is captured as a CUDA graph costs
the host next to nothing: the loop as it would be without Python, and the products, which are the limit.
"""

from collections.abc import Callable

import pytest
import torch
from measuring import interleaved, middle, products, ratio, record
from torch import Tensor

from seqvision.rnn import ElmanCell, LayerNormElmanCell, Recurrent

pytest.importorskip("triton", reason="needs triton")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

Shape = tuple[int, int, int, int]
Run = Callable[[], object]
SHAPES = [  # T, B, D, H: those of test_recurrence_speed.py, then larger batches, a long sequence, a wide state
    (64, 64, 256, 512),
    (32, 128, 128, 256),
    (256, 32, 64, 128),
    (16, 8, 128, 256),
    (784, 64, 1, 128),
    (64, 1024, 256, 512),
    (784, 512, 1, 128),
    (2000, 32, 128, 256),
    (64, 128, 512, 1024),
]
WORKS = ["training", "inference"]


def networks(shape: Shape) -> dict[str, torch.nn.Module]:
    *_, inputs, hidden = shape
    made = {
        "layernorm": Recurrent(LayerNormElmanCell, inputs, hidden, backend="fused"),
        "elman": Recurrent(ElmanCell, inputs, hidden, backend="fused"),
        "reference": Recurrent(LayerNormElmanCell, inputs, hidden, backend="reference"),
        "nn.RNN": torch.nn.RNN(inputs, hidden, batch_first=True),
        "nn.LSTM": torch.nn.LSTM(inputs, hidden, batch_first=True),
    }
    made["reference"].load_state_dict(made["layernorm"].state_dict())
    return {name: network.cuda() for name, network in made.items()}


def pass_of(network: torch.nn.Module, x: Tensor, gradient: Tensor | None) -> Callable[[], tuple[Tensor, ...]]:
    """The outputs of a forward pass, and with a gradient from above those of the input and of all parameters."""
    wanted = [x, *network.parameters()]

    def run() -> tuple[Tensor, ...]:
        if gradient is None:
            with torch.no_grad():
                return (network(x)[0],)
        outputs = network(x)[0]
        return outputs, *torch.autograd.grad(outputs, wanted, gradient)

    return run


def captured(run: Run) -> Run:
    """The same work as a CUDA graph, so that the host launches it all at once."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # what is compiled, chosen or allocated at first use may not be captured
        for _ in range(2):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def finished(run: Run) -> Run:
    """The run, and then the wait until the GPU has done it."""

    def and_wait() -> None:
        run()
        torch.cuda.synchronize()

    return and_wait


def begins_alike(models: dict[str, torch.nn.Module], x: Tensor, gradient: Tensor | None) -> None:
    """What is timed is right: over a few steps, for over hundreds this recurrence makes much of the last digit."""
    parts = ["outputs", "gradient of x", *(f"gradient of {name}" for name, _ in models["layernorm"].named_parameters())]
    ours, theirs = (pass_of(models[name], x, gradient)() for name in ("layernorm", "reference"))
    for part, a, b in zip(parts, ours, theirs, strict=False):
        error = ((a - b).norm() / b.norm()).item()
        assert error < 1e-4, f"{tuple(x.shape)}: the {part} is off by {error:.1e} of its size"


def measured(shape: Shape, work: str) -> dict[str, object]:
    """A row of the record."""
    steps, batch, inputs, hidden = shape
    trains = work == "training"
    x = torch.randn(batch, steps, inputs, device="cuda", requires_grad=trains)
    gradient = torch.randn(batch, steps, hidden, device="cuda") if trains else None
    models = networks(shape)
    begins_alike(models, x.detach()[:, :16].requires_grad_(trains), None if gradient is None else gradient[:, :16])
    runs = {name: pass_of(model, x, gradient) for name, model in models.items()}
    graphs = {
        "layernorm, graph": captured(runs["layernorm"]),
        "reference, graph": captured(runs["reference"]),
        "products": captured(products(x, hidden, backward=trains)),
    }
    times = interleaved({name: finished(run) for name, run in {**runs, **graphs}.items()}, rounds=15, warmup=3)
    return {
        "shape": list(shape),
        "work": work,
        "milliseconds": {name: round(1e3 * middle(seconds), 3) for name, seconds in times.items()},
        **{f"layernorm over {other}": ratio(times, "layernorm", other) for other in times if other != "layernorm"},
        "elman over nn.RNN": ratio(times, "elman", "nn.RNN"),
    }


def test_what_each_costs(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    torch.manual_seed(0)
    rows: list[dict[str, object]] = []
    for shape in SHAPES:
        for work in WORKS:
            rows.append(measured(shape, work))
            print(f"\n{work} {shape}: {rows[-1]['milliseconds']}")
            record("recurrence_gpu", rows)  # after each, so that an interrupted run leaves what it has
            torch.cuda.empty_cache()
