"""The Elman recurrences, plain and layer-normalised, as one operator over all steps."""

import functools
import sys
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.errors import UserError
from seqvision.rnn.cells import Cell, ElmanCell, LayerNormElmanCell
from seqvision.rnn.kernels.build import load


def supports(cell: Cell, x: Tensor) -> bool:
    """Whether `elman` computes this cell on such inputs here."""
    return available(cell, x, "elman")


def available(cell: Cell, x: Tensor, library: str) -> bool:
    """Whether a library can take this cell on such inputs: a CPU, with a compiler or its result at hand."""
    return known(cell) and x.device.type == "cpu" and _compiled(library)


def known(cell: Cell) -> bool:
    """Whether it is a cell of the fused recurrences: exactly these classes (a subclass may compute something else), in
    single or double precision.
    """
    precise = cell.hidden_to_hidden.weight.dtype in (torch.float32, torch.float64)
    return precise and type(cell) in (ElmanCell, LayerNormElmanCell)


@functools.cache
def _compiled(library: str) -> bool:
    reason = load(library)
    if reason is not None:
        _say(reason)
    return reason is None


@functools.cache
def _say(reason: str) -> None:
    """Once, however many libraries lack the same."""
    print(f"seqvision: the recurrences take the reference loop, which is slower: {reason}", file=sys.stderr)


def normalisation(cell: Cell) -> tuple[Tensor | None, Tensor, float]:
    """The gain, None for the plain cell, the bias, and what stands beside the variance under the root."""
    if isinstance(cell, LayerNormElmanCell):
        return cell.norm.weight, cell.norm.bias, cell.norm.eps
    return None, cell.input_to_hidden.bias + cell.hidden_to_hidden.bias, 0.0


def rows(x: Tensor) -> Tensor:
    """x, or a copy, with rows that lie in one piece."""
    return x if x.stride(-1) == 1 else x.contiguous()


def first_only() -> None:
    """Refuses a backward pass that is to be differentiated: it would be taken for a constant, without a word."""
    if torch.is_grad_enabled():
        raise UserError("the fused recurrence has first derivatives only; for higher ones set rnn.backend=reference")


def elman(
    cell: Cell,
    x: Float[Tensor, "batch time input"],
    lengths: Int[Tensor, " batch"] | None,
    before: Float[Tensor, "batch hidden"],
    *,
    reverse: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], Float[Tensor, "batch hidden"]]:
    """The states of all steps, zeros past a sequence's length, and the last of every sequence.

    reverse: each sequence from its own end to its beginning. The numbers are those of the reference loop over
    `cell.step`, with first derivatives in all that they depend on. Autocast does not reach in here.
    """
    w_in, w = cell.input_to_hidden.weight, cell.hidden_to_hidden.weight
    gain, bias, eps = normalisation(cell)
    if lengths is not None:
        lengths = lengths.to("cpu", torch.int64).contiguous()
    x, before = rows(x.to(w.dtype)), before.to(w.dtype).contiguous()
    given = (x, lengths, w_in.contiguous(), w.contiguous(), gain, bias, before)
    if torch.is_grad_enabled() and any(part is not None and part.requires_grad for part in given):
        return _Elman.apply(*given, eps, reverse)
    states, last, *_ = torch.ops.seqvision.elman_forward(*given, eps, reverse, False)
    return states, last


class _Elman(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        states, last, xhat, inverse = torch.ops.seqvision.elman_forward(*given, True)
        x, lengths, w_in, w, gain, _, before, _, reverse = given
        ctx.reverse, ctx.has_gain = reverse, gain is not None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(states, xhat, inverse, x, lengths, w_in, w, gain, before)
        return states, last

    @staticmethod
    def backward(ctx: Any, d_states: Tensor | None, d_last: Tensor | None) -> tuple[Tensor | None, ...]:
        first_only()
        d_states = None if d_states is None else rows(d_states)
        d_last = None if d_last is None else d_last.contiguous()
        needed = ctx.needs_input_grad[0]
        d_x, d_w_in, d_w, d_gain, d_bias, d_before = torch.ops.seqvision.elman_backward(
            d_states, d_last, *ctx.saved_tensors, ctx.reverse, needed
        )
        return (
            d_x if needed else None,
            None,
            d_w_in,
            d_w,
            d_gain if ctx.has_gain else None,
            d_bias,
            d_before,
            None,
            None,
        )
