"""The recurrences' fast paths: sources for a compiler, what compiles them, and autograd around them.

All of them give the reference loop's numbers, values and gradients.
"""

from collections.abc import Callable

from torch import Tensor

from seqvision.rnn.cells import Cell, State
from seqvision.rnn.kernels.attend import Attended, attend, supports_attention
from seqvision.rnn.kernels.elman import elman, supports
from seqvision.rnn.kernels.gated import faster_than_torch, gated, supports_gated

__all__ = [
    "elman",
    "supports",
    "gated",
    "supports_gated",
    "faster_than_torch",
    "fused",
    "attend",
    "supports_attention",
    "Attended",
]


def fused(cell: Cell, x: Tensor, lengths: Tensor | None, *, insist: bool) -> Callable[..., tuple[Tensor, State]] | None:
    """The fused recurrence of the CPU, called as `elman` is, that computes this cell on such inputs here, or None.

    insist: also one that torch's network was measured to beat.
    """
    if supports(cell, x):
        return elman
    if (insist or faster_than_torch(cell, x, lengths)) and supports_gated(cell, x):
        return gated
    return None
