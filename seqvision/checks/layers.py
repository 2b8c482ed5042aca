"""What every layer puts out, and the gradient that comes back to it: histograms, dead and saturated units.

    layers = record_layers(network, lambda: loss(network(batch)))

Recorded are the outputs of convolutions and linear layers, and those of rectifiers, tanh and gates, whether they are
modules or mere calls inside one (`torch.relu(…)`, the gates of a cell); what a loop does at every step counts as one
layer. Recurrences run by their reference loop meanwhile, whose parts can be seen.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seqvision.rnn import Cell, Recurrent

SATURATED = 0.97  # of tanh from −1 to 1, of gates from 0 to 1: |2 σ − 1| beyond it
KEPT = 1 << 12  # values of one call that a histogram is made of
FUNCTIONS: dict[Any, str] = {
    **dict.fromkeys((torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu, F.relu6, F.hardtanh), "relu"),
    **dict.fromkeys((torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_), "tanh"),
    **dict.fromkeys((torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_), "sigmoid"),
    **dict.fromkeys((F.gelu, F.silu, F.leaky_relu, F.elu, F.hardswish, F.mish), "smooth"),
}
WEIGHTED: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Linear, "linear"),
    *((kind, "convolution") for kind in (nn.Conv1d, nn.Conv2d, nn.Conv3d)),
)


@dataclass
class LayerRecord:
    """What came out of a layer in all its calls, and the gradients there.

    kind: linear, convolution, relu, tanh, sigmoid, or smooth (gelu and the like).
    values, gradients: samples of them. dead: the share of a rectifier's units (channels) that were zero throughout.
    """

    name: str
    kind: str
    parts: list[Tensor] = field(default_factory=list)
    gradient_parts: list[Tensor] = field(default_factory=list)
    alive: Tensor | None = None

    @property
    def values(self) -> np.ndarray:
        return _joined(self.parts)

    @property
    def gradients(self) -> np.ndarray:
        return _joined(self.gradient_parts)

    @property
    def mean(self) -> float:
        return float(self.values.mean()) if self.parts else 0.0

    @property
    def deviation(self) -> float:
        return float(self.values.std()) if self.parts else 0.0

    @property
    def gradient_deviation(self) -> float | None:
        """None where no gradient came."""
        return float(np.sqrt(np.square(self.gradients).mean())) if self.gradient_parts else None

    @property
    def zeros(self) -> float | None:
        """The share of a rectifier's outputs that are 0."""
        return float((self.values <= 0).mean()) if self.kind == "relu" else None

    @property
    def dead(self) -> float | None:
        return None if self.alive is None else float((~self.alive).float().mean())

    @property
    def saturated(self) -> float | None:
        """The share of outputs of tanh, or of gates, that are so near their ends that hardly a gradient passes."""
        if self.kind == "tanh":
            return float((np.abs(self.values) > SATURATED).mean())
        return float((np.abs(2 * self.values - 1) > SATURATED).mean()) if self.kind == "sigmoid" else None

    def add(self, output: Tensor) -> None:
        """One more call's output, whose gradient is taken when it comes."""
        found = output.detach()
        self.parts.append(_sample(found))
        if self.kind == "relu":
            units = found.transpose(1, -1) if found.dim() == 4 else found  # channels, or the last dimension
            alive = (units != 0).flatten(0, -2).any(dim=0) if units.dim() > 1 else units != 0
            self.alive = alive if self.alive is None or self.alive.shape != alive.shape else self.alive | alive
        if output.requires_grad:
            output.register_hook(lambda gradient: self.gradient_parts.append(_sample(gradient.detach())))

    def to_dict(self, bins: int = 41) -> dict[str, Any]:
        """The numbers and both histograms as plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "mean": self.mean,
            "deviation": self.deviation,
            "gradient_deviation": self.gradient_deviation,
            "zeros": self.zeros,
            "dead": self.dead,
            "saturated": self.saturated,
            "activations": histogram(self.values, bins),
            "gradients": histogram(self.gradients, bins) if self.gradient_parts else None,
        }


def histogram(values: np.ndarray, bins: int = 41) -> dict[str, list[int] | list[float]]:
    """Counts and their edges, between the thousandths at either end, what lies beyond counted at the ends."""
    values = values[np.isfinite(values)]
    low, high = (float(edge) for edge in np.quantile(values, [0.001, 0.999])) if len(values) else (0.0, 1.0)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values.clip(low, high), bins=bins, range=(low, high))
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def record_layers(network: nn.Module, run: Callable[[], Tensor | None]) -> list[LayerRecord]:
    """The network's layers in the order in which `run` comes to them; where it gives a loss, with its gradients.

    run: sends data through the network once. What the gradients were before is forgotten.
    """
    watch = _Watch()
    with seen_from_inside(network), _called(network, watch), watch:
        loss = run()
    if loss is not None:
        loss.backward()
        network.zero_grad()
    return list(watch.records.values())


@contextmanager
def seen_from_inside(network: nn.Module) -> Iterator[None]:
    """Meanwhile recurrences run by the loop that calls their cells' own layers."""
    backends = {module: module.backend for module in network.modules() if isinstance(module, Recurrent)}
    for module in backends:
        module.backend = "reference"
    try:
        yield
    finally:
        for module, backend in backends.items():
            module.backend = backend


class _Watch(TorchFunctionMode):
    """Sees every call of a squashing function, and knows which module it is inside of."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[Any, LayerRecord] = {}
        self.inside: list[tuple[str, nn.Module]] = []
        self.squashed: dict[nn.Module, list[Any]] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        kind = FUNCTIONS.get(func)
        if kind is not None and isinstance(output, Tensor):
            # where in the program it is called tells the gates of a cell apart, and joins the steps of a loop
            frame: Any = sys._getframe(1)
            while frame.f_back is not None and _between(frame):
                frame = frame.f_back
            self.record((kind, frame.f_code, frame.f_lasti), kind, output)
        return output

    def record(self, place: Any, kind: str, output: Tensor) -> None:
        """A layer's output, of the module that is running."""
        name, module = self.inside[-1] if self.inside else ("network", None)
        key = (name, place)
        if key not in self.records:
            self.records[key] = LayerRecord(self._named(name, module, place, kind), kind)
        self.records[key].add(output)

    def _named(self, name: str, module: nn.Module | None, place: Any, kind: str) -> str:
        if isinstance(module, Cell):
            places = self.squashed.setdefault(module, [])
            places.append(place)
            known = module.squashed
            return f"{name}: {known[len(places) - 1] if len(places) <= len(known) else kind}"
        if isinstance(module, tuple(kind for kind, _ in WEIGHTED)) or type(module).__module__.startswith("torch."):
            return name
        others = sum(record.name.startswith(f"{name}: {kind}") for record in self.records.values())
        return f"{name}: {kind}" + (f" {others + 1}" if others else "")


def _between(frame: Any) -> bool:
    """Whether a frame is of what stands between a call and what sees it: torch's functions, checkers of types."""
    name, file = frame.f_globals.get("__name__", ""), frame.f_code.co_filename
    return name == "torch.nn.functional" or name.startswith(("torch.overrides", "jaxtyping")) or "beartype" in file


@contextmanager
def _called(network: nn.Module, watch: _Watch) -> Iterator[None]:
    """Meanwhile the watch knows which module is running, cells' steps included, and gets what weights put out."""
    handles = []
    cells: list[Cell] = []
    for name, module in network.named_modules():
        name = name or "network"
        kind = next((word for of, word in WEIGHTED if isinstance(module, of)), None)
        handles += [
            module.register_forward_pre_hook(lambda m, _, name=name: watch.inside.append((name, m))),
            module.register_forward_hook(lambda m, i, out, kind=kind: _left(watch, kind, out), always_call=True),
        ]
        if isinstance(module, Cell):
            module.step = _inside(module.step, (name, module), watch)  # type: ignore[method-assign]
            cells.append(module)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for cell in cells:
            del cell.step


def _left(watch: _Watch, kind: str | None, output: Any) -> None:
    if kind is not None and isinstance(output, Tensor):
        watch.record(kind, kind, output)
    watch.inside.pop()


def _inside(step: Callable[..., Any], where: tuple[str, nn.Module], watch: _Watch) -> Callable[..., Any]:
    def seen(*arguments: Any) -> Any:
        watch.inside.append(where)
        try:
            return step(*arguments)
        finally:
            watch.inside.pop()

    return seen


def _sample(values: Tensor) -> Tensor:
    """All values, or as many as are kept, drawn: every n-th would always be those of the same channels."""
    flat = values.flatten()
    if len(flat) > KEPT:
        drawn = torch.randint(len(flat), (KEPT,), generator=torch.Generator().manual_seed(len(flat)))
        flat = flat[drawn.to(flat.device)]
    return flat.float().cpu()


def _joined(parts: list[Tensor]) -> np.ndarray:
    return torch.cat(parts).numpy() if parts else np.zeros(0, dtype=np.float32)
