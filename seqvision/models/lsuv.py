"""First weights by looking at data: every layer's output is given variance 1."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqvision.devices import widened
from seqvision.models.initialisation import Orthogonal, Started
from seqvision.models.noise import LEAVING_OUT
from seqvision.rnn import Recurrent


class LSUV(Orthogonal):
    """Orthogonal, then each layer in the order in which data pass divided by the deviation of what comes out of it, so
    that all have variance 1 on a batch (Mishkin and Matas, "All you need is a good init", 2016, algorithm 1).

    A layer that is passed once is set on the way, its output corrected with its weight before the next layer sees it.
    One that is passed at every step is set by all of them together, at the end of a pass through the network; one
    such layer a pass, the first that is out of `tolerance`, and each `tries` times at most. The matrices from state to
    state stay orthogonal. Inputs that are all zero, padding among them, do not count, and a layer that puts out nothing
    is left orthogonal.
    """

    def __init__(self, gain: int | float = 1.0, *, tolerance: int | float = 0.1, tries: int = 10):
        super().__init__(gain)
        self.tolerance, self.tries = tolerance, tries

    def __call__(self, network: nn.Module, forward: Callable[[], Any] | None = None, *, seed: int = 0) -> Started:
        if forward is None:
            raise ValueError("LSUV looks at data: give `forward`, which runs the network on a batch")
        started = super().__call__(network, seed=seed)
        meters = [_Meter(layer.module) for layer in started.layers if layer.part != "state"]
        hooks = [meter.module.register_forward_hook(meter) for meter in meters]
        try:
            with _undisturbed(network), torch.no_grad():
                forward()
                passed = sorted((meter for meter in meters if meter.calls), key=lambda meter: meter.first)
                for _ in range(1 + self.tries * len(passed)):
                    for meter in passed:
                        meter.begin()
                    forward()
                    if not any(meter.correct(self.tolerance, self.tries) for meter in passed):
                        break
        finally:
            for hook in hooks:
                hook.remove()
        return started


class _Meter:
    """The deviation of what a layer puts out in a pass through the network; it corrects the layer's weight by it."""

    order = 0  # calls of all so far

    def __init__(self, module: Any):
        self.module = module
        self.once, self.calls, self.first, self.corrected = False, 0, 0, 0
        self.number, self.total, self.squares = 0, 0.0, 0.0

    def begin(self) -> None:
        """A new pass; what was called once is corrected on the way from now on."""
        self.once, self.calls = self.calls == 1, 0
        self.number, self.total, self.squares = 0, 0.0, 0.0

    @property
    def deviation(self) -> float:
        """Of all that came out, the bias aside; 1 where that was nothing, or no number."""
        if not self.number:
            return 1.0
        found = max(0.0, self.squares / self.number - (self.total / self.number) ** 2) ** 0.5
        return found if 1e-6 < found < 1e6 else 1.0

    def correct(self, tolerance: int | float, tries: int) -> bool:
        """Whether the weight was corrected by what a pass with several calls has shown."""
        deviation = self.deviation
        if self.once or self.corrected == tries or abs(deviation - 1) <= tolerance:
            return False
        self.module.weight.div_(deviation)
        self.corrected += 1
        return True

    def __call__(self, module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if not self.calls:
            _Meter.order += 1
            self.first = self.first or _Meter.order
        self.calls += 1
        linear = isinstance(module, nn.Linear)
        bias = 0.0 if module.bias is None else module.bias.view(-1, *[1] * (0 if linear else output.dim() - 2))
        raw = output - bias
        counted = widened(raw[(inputs[0] != 0).any(dim=-1)] if linear else raw)
        self.number += counted.numel()
        self.total += float(counted.sum())
        self.squares += float(counted.square().sum())
        if not self.once:
            return None
        module.weight.div_(self.deviation)
        return raw / self.deviation + bias


class _undisturbed:
    """A network in training mode without dropout, by the loop that runs the cells' own layers, which keeps its buffers
    and the generator where they were.
    """

    def __init__(self, network: nn.Module):
        self.network = network

    def __enter__(self) -> None:
        self.modes = {module: module.training for module in self.network.modules()}
        self.backends = {module: module.backend for module in self.modes if isinstance(module, Recurrent)}
        self.buffers = {name: value.clone() for name, value in self.network.named_buffers()}
        self.random = torch.get_rng_state()
        self.network.train()
        for module in self.modes:
            if isinstance(module, (*LEAVING_OUT, Recurrent)):
                module.training = False
        for module in self.backends:
            module.backend = "reference"

    def __exit__(self, *_: object) -> None:
        for module, mode in self.modes.items():
            module.training = mode
        for module, backend in self.backends.items():
            module.backend = backend
        for name, value in self.network.named_buffers():
            value.data.copy_(self.buffers[name])
        torch.set_rng_state(self.random)
