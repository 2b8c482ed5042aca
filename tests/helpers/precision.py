"""Two ways to the same numbers in single precision, measured against double precision instead of an absolute bound.

How far two single-precision results lie apart depends on the processor. How many times as far from the truth as a
plain reference one of them may lie does not.
"""

import copy
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

import torch
from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)


def in_double(model: Model) -> Model:
    """A copy of the model in double precision."""
    return copy.deepcopy(model).double()


def error(results: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """The root mean square over all results of the error, as a share of the largest number of its tensor."""
    shares = [(a - b).flatten() / b.abs().max().clamp(min=1e-3) for a, b in zip(results, truth, strict=True)]
    return torch.cat(shares).square().mean().sqrt().item()


def assert_as_precise(
    fill: Callable[[int], tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]],
    *,
    times: float = 4,
    fillings: int = 5,
) -> None:
    """Asserts that results err at most that many times what a reference errs.

    The median over several fillings is compared: where a deviation happens to be next to nothing, it magnifies the
    last rounding of the one or of the other, and a single ratio says nothing.

    Args:
        fill: From a seed to the results, those of the reference in the same precision, and the truth in double
            precision.
        times: The bound on the ratio of the two errors.
        fillings: The number of seeds.
    """
    ratios = []
    for seed in range(fillings):
        ours, theirs, truth = fill(seed)
        # a reference that happens to err by next to nothing sets no measure: half a unit in the last place does
        ratios.append(error(ours, truth) / max(error(theirs, truth), 3e-8))
    assert median(ratios) <= times, f"errors are {median(ratios):.1f} times the reference's (all: {ratios})"
