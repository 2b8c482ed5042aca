"""Learning-rate schedules as factors of the optimiser's own rate, step by step over a run of known length.

All take `total_steps` and an optional linear warm-up, given as a share of the run. Those in cycles: `cycles.py`.
"""

import math
from collections.abc import Callable
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seqvision.errors import expect_counts, expect_shares


def _schedule(optimizer: Optimizer, total_steps: int, warmup: float, factor: Callable[[float], float]) -> LambdaLR:
    """`factor` maps the share of the run that is done after the warm-up, from 0 to 1, to a factor of the rate."""
    expect_shares(warmup=warmup)
    warm = round(warmup * total_steps)

    def at(step: int) -> float:
        if step < warm:
            return warm_factor(step, warm)
        return factor(min(1.0, (step - warm) / max(1, total_steps - warm)))

    return LambdaLR(optimizer, at)


def warm_factor(step: int, warm: int) -> float:
    """The factor of a step of a linear warm-up of `warm` steps: never 0, and 1 in the step behind it."""
    return (step + 1) / (warm + 1)


def half_cosine(share: float, start: float, end: float) -> float:
    """Half a cosine from `start`, at a share of 0, to `end`, at 1."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))


def constant(optimizer: Optimizer, total_steps: int, *, warmup: float = 0.0) -> LambdaLR:
    """The same rate throughout."""
    return _schedule(optimizer, total_steps, warmup, lambda _: 1.0)


def cosine(optimizer: Optimizer, total_steps: int, *, warmup: float = 0.05, final: float = 0.0) -> LambdaLR:
    """Half a cosine from 1 down to `final` (Loshchilov and Hutter, 2017, without restarts)."""
    expect_shares(final=final)
    return _schedule(optimizer, total_steps, warmup, partial(half_cosine, start=1.0, end=final))


def exponential(optimizer: Optimizer, total_steps: int, *, warmup: float = 0.0, final: float = 0.01) -> LambdaLR:
    """α₀ e^{−kt}, with k such that the run ends at `final` times the rate."""
    expect_shares(above_zero=True, final=final)
    return _schedule(optimizer, total_steps, warmup, partial(math.pow, final))


def inverse(optimizer: Optimizer, total_steps: int, *, warmup: float = 0.0, final: float = 0.1) -> LambdaLR:
    """α₀ / (1 + kt), with k such that the run ends at `final` times the rate."""
    expect_shares(above_zero=True, final=final)
    return _schedule(optimizer, total_steps, warmup, lambda done: 1 / (1 + done * (1 / final - 1)))


def one_cycle(
    optimizer: Optimizer, total_steps: int, *, peak: float = 0.3, start: float = 0.04, final: float = 4e-6
) -> LambdaLR:
    """Half a cosine from `start` up to 1 in the first `peak` share of the run, another down to `final` in the rest
    (Smith and Topin, 2018). Its rise is its warm-up.
    """
    expect_shares(peak=peak, start=start, final=final)

    def at(done: float) -> float:
        if done < peak:
            return half_cosine(done / peak, start, 1.0)
        return half_cosine((done - peak) / max(1 - peak, 1e-12), 1.0, final)

    return _schedule(optimizer, total_steps, 0.0, at)


def step(
    optimizer: Optimizer, total_steps: int, *, warmup: float = 0.0, drops: int = 2, factor: float = 0.1
) -> LambdaLR:
    """The rate times `factor` at `drops` evenly spaced places."""
    expect_counts(drops=drops)
    expect_shares(factor=factor)
    return _schedule(optimizer, total_steps, warmup, lambda done: factor ** min(drops, int(done * (drops + 1))))
