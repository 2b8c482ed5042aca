"""Where the time of a training step goes: reading data, each part of the network, backward, the optimiser."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from seqvision.attention import Attention
from seqvision.attention.glimpse import GlimpseSensor
from seqvision.checks.learner import Learner
from seqvision.encoders import Encoder, Front
from seqvision.rnn import NoRecurrence, Recurrent

PARTS: tuple[tuple[str, tuple[type[nn.Module], ...]], ...] = (
    ("encoder", (Encoder, Front)),
    ("core", (Recurrent, NoRecurrence)),
    ("attention", (Attention, GlimpseSensor)),
)
REST = "rest of forward"


class Clock:
    """Seconds by part, each without what the parts inside it take; waits for the device before it looks."""

    def __init__(self, device: torch.device):
        self.device = device
        self.seconds: dict[str, float] = {}
        self.inside: list[str] = []
        self.last = 0.0

    def now(self) -> float:
        if self.device.type != "cpu":
            getattr(torch, self.device.type).synchronize()
        return time.perf_counter()

    def enter(self, part: str) -> None:
        """From here on time goes to that part."""
        self._book()
        self.inside.append(part)

    def leave(self) -> None:
        """From here on to the part around it again."""
        self._book()
        self.inside.pop()

    @contextmanager
    def counting(self, part: str) -> Iterator[None]:
        self.enter(part)
        try:
            yield
        finally:
            self.leave()

    def _book(self) -> None:
        now = self.now()
        if self.inside:
            self.seconds[self.inside[-1]] = self.seconds.get(self.inside[-1], 0.0) + now - self.last
        self.last = now


def step_times(
    learner: Learner, loader: Any, device: torch.device, *, steps: int, limit: int | float
) -> dict[str, float]:
    """The mean seconds of a step by part, over so many steps or until `limit` seconds are over; the first warms up."""
    clock = Clock(device)
    batches = iter(loader)
    begun, done = time.perf_counter(), 0
    with _parts_seen(learner.task.model, clock):
        for number in range(steps + 1):
            with clock.counting("data"):
                batch = next(batches, None)
                if batch is None:
                    batches = iter(loader)
                    batch = next(batches)
                batch = batch.to(device)
            learner.optimizer.zero_grad()
            with clock.counting(REST):
                loss = learner.mean_loss(batch)
            with clock.counting("backward"):
                loss.backward()
            with clock.counting("optimiser"):
                if learner.clip:
                    nn.utils.clip_grad_norm_(learner.task.model.parameters(), learner.clip)
                learner.optimizer.step(lambda loss=loss: loss)  # type: ignore[misc]
            if number == 0:
                clock.seconds.clear()
                continue
            done += 1
            if time.perf_counter() - begun > limit:
                break
    return {part: spent / done for part, spent in clock.seconds.items()}


@contextmanager
def _parts_seen(network: nn.Module, clock: Clock) -> Iterator[None]:
    """Meanwhile the clock knows which part is running, a recurrence's single steps included."""
    handles = []
    stepped: list[Any] = []
    head = getattr(network, "output", None)
    for module in network.modules():
        part = "head" if module is head else next((word for word, kinds in PARTS if isinstance(module, kinds)), None)
        if part is None:
            continue
        handles += [
            module.register_forward_pre_hook(lambda *_, part=part: clock.enter(part)),
            module.register_forward_hook(lambda *_: clock.leave(), always_call=True),
        ]
        if isinstance(module, Recurrent):
            module.step = _timed(module.step, part, clock)  # type: ignore[method-assign]
            stepped.append(module)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in stepped:
            del module.step


def _timed(step: Any, part: str, clock: Clock) -> Any:
    def timed(*arguments: Any) -> Any:
        with clock.counting(part):
            return step(*arguments)

    return timed
