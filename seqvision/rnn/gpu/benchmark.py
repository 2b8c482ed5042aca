"""The ways to compute a recurrent layer, timed on this machine's GPU: what `seqvision doctor --benchmark` runs."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from statistics import median

import torch
from torch import Tensor

from seqvision.rnn.cells import Cell, ElmanCell, GRUCell, LayerNormElmanCell, LSTMCell
from seqvision.rnn.gpu.measured import Problem, Row, measure
from seqvision.rnn.paths import Layer, gpu_layers

STEPS = 32
# of the cells that there are several ways for
CELLS: dict[str, type[Cell]] = {cell.__name__: cell for cell in (ElmanCell, LayerNormElmanCell, GRUCell, LSTMCell)}
SIZES, BATCHES = (64, 128, 256, 512, 1024), (16, 128)
PROBLEMS = [Problem(*each) for each in product(CELLS, SIZES, BATCHES, (True, False))]


def benchmark(
    device: torch.device,
    problems: Sequence[Problem] = PROBLEMS,
    clock: Callable[[Callable[[], object]], float] | None = None,
) -> list[Row]:
    """The milliseconds of every way for every problem, about two minutes. clock: the seconds that a run takes."""
    return measure(problems, partial(_runs, device), clock or partial(seconds, device))


def seconds(device: torch.device, run: Callable[[], object], *, warmup: int = 3, rounds: int = 9) -> float:
    """The median time from the call to the moment when the device has finished; compilation is in the warm-up."""
    synchronize = torch.mps.synchronize if device.type == "mps" else partial(torch.cuda.synchronize, device)
    times = []
    for _ in range(warmup + rounds):
        synchronize()
        begun = time.perf_counter()
        run()
        synchronize()
        times.append(time.perf_counter() - begun)
    return median(times[warmup:])


def _runs(device: torch.device, problem: Problem) -> dict[str, Callable[[], object]]:
    """A pass over some steps by each way, with its backward pass in training."""
    cell = CELLS[problem.cell](problem.hidden_size, problem.hidden_size).to(device)
    x = torch.randn(problem.batch, STEPS, problem.hidden_size, device=device, requires_grad=problem.training)
    layers = gpu_layers(cell, x)
    return {name: partial(_pass, layer, cell, x, problem.training) for name, layer in layers.items()}


def _pass(layer: Layer, cell: Cell, x: Tensor, training: bool) -> None:
    with torch.set_grad_enabled(training):
        outputs, _ = layer(cell, x, None, None)
    if training:
        torch.autograd.grad(outputs, [x, *cell.parameters()], torch.ones_like(outputs))


def table(rows: Sequence[Row]) -> str:
    """The rows as text, the fastest way of each marked."""
    ways = sorted({name for row in rows for name in row.milliseconds})
    lines = [f"{'cell':<20}{'units':>6}{'batch':>7}  {'pass':<10}" + "".join(f"{way:>10} ms" for way in ways)]
    for (cell, hidden, batch, training), times in rows:
        best = min(times.values(), default=0.0)
        shown = (f"{times[w]:>9.3f}{'*' if times[w] == best else ' '}   " if w in times else " " * 13 for w in ways)
        lines.append(f"{cell:<20}{hidden:>6}{batch:>7}  {'training' if training else 'inference':<10}" + "".join(shown))
    return "\n".join(line.rstrip() for line in lines)
