"""The Elman recurrences, plain and layer-normalised, as one operator over all steps."""

import functools
import sys

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.errors import UserError
from seqvision.rnn.cells import Cell, ElmanCell, LayerNormElmanCell
from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.kernels.build import load

_CELLS, _TYPES = (LayerNormElmanCell, ElmanCell), (torch.float32, torch.float64)


def supports(cell: Cell, x: Tensor) -> bool:
    """Whether `elman` computes this cell on such inputs here."""
    return available(cell, x, "elman")


def available(cell: Cell, x: Tensor, library: str, cells: tuple[type[Cell], ...] = _CELLS) -> bool:
    """Whether a library can take this cell on such inputs: a CPU, with a compiler or its result at hand."""
    return x.is_cpu and known(cell, cells) and _compiled(library)


def known(cell: Cell, cells: tuple[type[Cell], ...] = _CELLS) -> bool:
    """Whether it is a cell of the fused recurrences: exactly these classes (a subclass may compute something else), in
    single or double precision.
    """
    return type(cell) in cells and cell.hidden_to_hidden.weight.dtype in _TYPES


@functools.cache
def _compiled(library: str) -> bool:
    reason = load(library)
    if reason is not None:
        _say(reason)
    return reason is None


@functools.cache
def _say(reason: str) -> None:
    """Once, however many libraries lack the same."""
    print(f"seqvision: the recurrences take torch's networks or the plain loop, slower: {reason}", file=sys.stderr)


def normalisation(cell: Cell) -> tuple[Tensor | None, Tensor, float]:
    """The gain, None for the plain cell, the bias, and what stands beside the variance under the root."""
    if isinstance(cell, LayerNormElmanCell):
        norm = cell.norm
        return norm.weight, norm.bias, norm.eps
    return None, cell.input_to_hidden.bias + cell.hidden_to_hidden.bias, 0.0


def rows(x: Tensor) -> Tensor:
    """x, or a copy, with rows that lie in one piece."""
    return x if x.stride(-1) == 1 else x.contiguous()


def first_only() -> None:
    """Refuses a backward pass that is to be differentiated: it would be taken for a constant, without a word."""
    if torch.is_grad_enabled():
        raise UserError("the fused recurrence has first derivatives only; for higher ones set rnn.backend=reference")


_library = torch.library.Library("seqvision", "FRAGMENT")
_library.define("first_only() -> ()")
_library.impl("first_only", first_only, "CompositeExplicitAutograd")


def elman(
    cell: Cell,
    x: Float[Tensor, "batch time input"],
    lengths: Int[Tensor, " batch"] | None,
    before: Float[Tensor, "batch hidden"] | None,
    *,
    reverse: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], Float[Tensor, "batch hidden"]]:
    """The states of all steps, zeros past a sequence's length, and the last of every sequence.

    reverse: each sequence from its own end to its beginning. The numbers are those of the reference loop over
    `cell.step`, with first derivatives in all that they depend on. Autocast does not reach in here.
    """
    if lengths is not None:
        lengths = lengths.to("cpu", torch.int64).contiguous()
    w_in, w = cell.input_to_hidden.weight, matrix(cell.hidden_to_hidden)
    gain, bias, eps = normalisation(cell)
    return torch.ops.seqvision.elman.default(x, lengths, w_in, w, gain, bias, before, eps, reverse)
