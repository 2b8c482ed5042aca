"""Learning-rate schedules as factors of the optimiser's own rate, step by step over a run of known length.

All take `total_steps` and an optional linear warm-up, given as a share of the run.
"""

import math
from collections.abc import Callable
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def _schedule(optimizer: Optimizer, total_steps: int, warmup: float, factor: Callable[[float], float]) -> LambdaLR:
    """`factor` maps the share of the run that is done after the warm-up, from 0 to 1, to a factor of the rate."""
    warm = round(warmup * total_steps)

    def at(step: int) -> float:
        if step < warm:
            return (step + 1) / (warm + 1)
        return factor(min(1.0, (step - warm) / max(1, total_steps - warm)))

    return LambdaLR(optimizer, at)


def constant(optimizer: Optimizer, total_steps: int, *, warmup: float = 0.0) -> LambdaLR:
    """The same rate throughout."""
    return _schedule(optimizer, total_steps, warmup, lambda _: 1.0)


def cosine(optimizer: Optimizer, total_steps: int, *, warmup: float = 0.05, final: float = 0.0) -> LambdaLR:
    """Half a cosine from 1 down to `final` (Loshchilov and Hutter, 2017, without restarts)."""
    return _schedule(
        optimizer, total_steps, warmup, lambda done: final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))
    )


def exponential(optimizer: Optimizer, total_steps: int, *, warmup: float = 0.0, final: float = 0.01) -> LambdaLR:
    """α₀ e^{−kt}, with k such that the run ends at `final` times the rate."""
    return _schedule(optimizer, total_steps, warmup, partial(math.pow, final))


def step(
    optimizer: Optimizer, total_steps: int, *, warmup: float = 0.0, drops: int = 2, factor: float = 0.1
) -> LambdaLR:
    """The rate times `factor` at `drops` evenly spaced places."""
    return _schedule(optimizer, total_steps, warmup, lambda done: factor ** min(drops, int(done * (drops + 1))))
