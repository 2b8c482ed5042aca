"""What one should know before a long run: where the loss begins, whether a few items can be learnt by heart, what the
layers do, how far the weights move, where the time goes, and what other rates would do.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import torch
from torch import nn

from seqvision.checks.layers import LayerRecord, record_layers
from seqvision.checks.learner import Learner
from seqvision.checks.times import step_times
from seqvision.losses.penalty import weights_of
from seqvision.models.noise import LEAVING_OUT

BY_HEART = 0.1  # of where it began: the loss of what was learnt by heart is below
FEW_STEPS = 10  # of a rate at least, whatever they take
ALL_RATES = (0.1, 1.0, 10.0)  # times the configured one


@dataclass(frozen=True)
class Memorised:
    """The loss of a few items on the way to knowing them by heart: before, at the end, and by step.

    floor: what no network can get below. enough: whether it came near it. cut_short: the time was over before.
    """

    items: int
    curve: list[tuple[int, float]]
    floor: float
    enough: bool
    cut_short: bool = False


@dataclass(frozen=True)
class Examination:
    """All that was measured.

    initial, chance: the mean loss before training, and that of a network that knows nothing (None: nobody can say).
    ratios: by weight, the length of a step over the length of the weight, the median of several steps.
    curves: by rate, the loss of the first steps. times: seconds of a step by part.
    """

    initial: float
    chance: float | None
    memorised: Memorised
    layers: list[LayerRecord]
    ratios: dict[str, float]
    curves: dict[float, list[float]]
    times: dict[str, float]
    rate: float
    seconds: float


def examine(
    learner: Learner,
    *,
    few: Any,
    batches: Sequence[Any],
    loader: Any,
    device: torch.device,
    limit: int | float = 25.0,
    steps: int = 300,
) -> Examination:
    """Measures everything, and leaves the weights as they were.

    few: the batch to learn by heart. batches: training batches on the device. loader: where they come from, for its
    speed. limit: seconds, about. steps: to learn by heart in, at most.
    """
    begun = time.perf_counter()
    learner.restart()
    initial = learner.judged(batches[0])
    chance = learner.chance(batches[0])
    layers = layers_of(learner, batches[0])
    learner.restart()
    times = step_times(learner, loader, device, steps=12, limit=limit * 0.15)
    learner.restart()
    ratios = update_ratios(learner, batches, limit=limit * 0.1)
    curves = {}
    for times_as_large in ALL_RATES:
        learner.restart()
        rate = learner.rate * times_as_large
        curves[rate] = first_losses(learner, batches, rate=rate, limit=limit * 0.1)
    learner.restart()
    memorised = memorise(learner, few, steps=steps, limit=limit * 0.4)
    learner.restart()
    return Examination(
        initial, chance, memorised, layers, ratios, curves, times, learner.rate, time.perf_counter() - begun
    )


def layers_of(learner: Learner, batch: Any) -> list[LayerRecord]:
    """What the layers do with a batch, with the gradients of the mean loss."""
    learner.restart()
    return record_layers(learner.task.model, lambda: learner.mean_loss(batch))


def update_ratios(
    learner: Learner, batches: Sequence[Any], *, steps: int = 10, limit: int | float = 5.0
) -> dict[str, float]:
    """By the name of each matrix and kernel that trains, the length of its change in a step over its own length: the
    median over steps, the first aside, for adaptive optimisers begin with larger ones.
    """
    weights = weights_of(learner.task.model)
    found: dict[str, list[float]] = {name: [] for name in weights}
    begun = time.perf_counter()
    for number, batch in zip(range(steps), cycle(batches)):
        before = {name: each.detach().clone() for name, each in weights.items()}
        learner.step(batch)
        for name, each in weights.items():
            size = float(before[name].norm())
            found[name].append(float((each.detach() - before[name]).norm()) / size if size else math.nan)
        if number > 1 and time.perf_counter() - begun > limit:
            break
    return {name: sorted(ratios[1:])[len(ratios[1:]) // 2] for name, ratios in found.items() if len(ratios) > 1}


def first_losses(
    learner: Learner, batches: Sequence[Any], *, rate: float, steps: int = 40, limit: int | float
) -> list[float]:
    """The losses of the first steps at a rate, up to the first that is no number."""
    losses: list[float] = []
    begun = time.perf_counter()
    for _, batch in zip(range(steps), cycle(batches)):
        losses.append(learner.step(batch, rate=rate))
        if not math.isfinite(losses[-1]) or (len(losses) >= FEW_STEPS and time.perf_counter() - begun > limit):
            break
    return losses


def memorise(learner: Learner, few: Any, *, steps: int, limit: int | float) -> Memorised:
    """How a few items are learnt by heart: no dropout, nothing varied, always the same batch. The task stays so."""
    without_dropout(learner.task.model)
    learner.task.steady()
    floor = learner.task.floor(few)
    begun = time.perf_counter()
    curve = [(0, learner.judged(few))]
    goal = floor + BY_HEART * (curve[0][1] - floor)
    late = False
    for step in range(1, steps + 1):
        learner.step(few)
        if step % 10 == 0 or step == steps:
            curve.append((step, learner.judged(few)))
            late = time.perf_counter() - begun > limit
            if not math.isfinite(curve[-1][1]) or curve[-1][1] <= goal or late:
                break
    enough = curve[-1][1] <= goal
    return Memorised(len(few), curve, floor, enough, cut_short=late and not enough and curve[-1][0] < steps)


def without_dropout(network: nn.Module) -> None:
    """From here on nothing is dropped in training."""
    for module in network.modules():
        if isinstance(module, LEAVING_OUT):
            module.p = 0.0
