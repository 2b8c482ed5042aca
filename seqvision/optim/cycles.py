"""Schedules that go through several cycles in a run of known length."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seqvision.errors import UserError, expect_shares
from seqvision.optim.schedules import half_cosine, warm_factor


class Cycles(LambdaLR):
    """A warm-up, then cycles of whole steps that fill the run, each `multiplier` times as long as the one before.

    factor: of the rate, from a cycle's number (0, 1, …) and the share of it that is done. ends: after how many steps of
    the run each cycle is complete.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_steps: int,
        *,
        warmup: float,
        cycles: int,
        multiplier: int | float,
        factor: Callable[[int, float], float],
    ):
        if cycles < 1 or multiplier < 1:
            raise UserError(
                f"scheduler: cycles is {cycles} and multiplier {multiplier}; expected at least one cycle, and a "
                "multiplier of 1 (cycles of equal length) or more"
            )
        expect_shares(warmup=warmup)
        warm = round(warmup * total_steps)
        whole = sum(multiplier**n for n in range(cycles))
        parts = [sum(multiplier**n for n in range(number)) / whole for number in range(cycles + 1)]
        bounds = [warm + round((total_steps - warm) * part) for part in parts]
        self.ends = list(dict.fromkeys(bounds[1:]))

        def at(step: int) -> float:
            if step < warm:
                return warm_factor(step, warm)
            cycle = min(bisect_right(bounds, step), cycles) - 1  # the run's end belongs to the last cycle
            begin, end = bounds[cycle : cycle + 2]
            return factor(cycle, min(1.0, (step - begin) / max(1, end - begin)))

        super().__init__(optimizer, at)

    def state_dict(self) -> dict[str, Any]:
        """Without `ends`: a run that is resumed to be longer has others."""
        return {key: value for key, value in super().state_dict().items() if key != "ends"}


def restarts(
    optimizer: Optimizer,
    total_steps: int,
    *,
    warmup: float = 0.0,
    cycles: int = 4,
    multiplier: int | float = 1,
    final: float = 0.0,
) -> Cycles:
    """Cosine with warm restarts: half a cosine from 1 down to `final` in every cycle, then at once 1 again (Loshchilov
    and Hutter, 2017, equation 5, T_mult being `multiplier`; for snapshots Huang et al., 2017, equation 2).
    """
    expect_shares(final=final)
    return Cycles(
        optimizer,
        total_steps,
        warmup=warmup,
        cycles=cycles,
        multiplier=multiplier,
        factor=lambda _, done: half_cosine(done, 1.0, final),
    )


def cyclic(
    optimizer: Optimizer,
    total_steps: int,
    *,
    warmup: float = 0.0,
    cycles: int = 4,
    low: float = 0.1,
    shrink: float = 1.0,
) -> Cycles:
    """A triangle in every cycle: straight from `low` up to 1 and back (Smith, 2017, section 3.1). Each triangle is
    `shrink` times as high as the one before; 0.5 is Smith's `triangular2`.
    """
    expect_shares(low=low, shrink=shrink)
    return Cycles(
        optimizer,
        total_steps,
        warmup=warmup,
        cycles=cycles,
        multiplier=1,
        factor=lambda cycle, done: low + (1 - low) * (1 - abs(2 * done - 1)) * shrink**cycle,
    )
