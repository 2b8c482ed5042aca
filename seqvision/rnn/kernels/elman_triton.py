"""The Elman recurrences on an NVIDIA GPU: one Triton kernel runs all steps, another all steps of the backward pass.

Importing this module imports triton, which comes with torch where torch can use such a GPU. With TRITON_INTERPRET=1
in the environment before triton is first imported, the same kernels run on a CPU, slowly: that is how they are tested.

A program owns a few sequences and takes them through time by itself, so that no program waits for another and the
host launches one kernel where the loop launches several a step. The weights stream from the GPU's cache, tile by
tile, at every step.
"""

from typing import Any

import torch
import torch.nn.functional as F
import triton  # type: ignore[import-untyped]
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.rnn.cells import Cell
from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.kernels.elman import first_only, known, normalisation
from seqvision.rnn.kernels.elman_triton_kernels import backward_kernel, forward_kernel
from seqvision.rnn.unroll import valid_steps


def supports(cell: Cell, x: Tensor) -> bool:
    """Whether `elman` computes this cell on such inputs here: a `known` cell, an NVIDIA GPU, and Triton 3.5 or
    later (an earlier one multiplies no fewer than 16 rows).

    `Recurrent` takes it with backend="fused", or where `seqvision doctor --benchmark` has found it to be the fastest:
    these kernels have been compiled for several GPUs and run in Triton's interpreter, and on no GPU yet.
    """
    if not known(cell) or x.device.type != "cuda" or torch.version.hip is not None:
        return False
    return tuple(map(int, triton.__version__.split(".")[:2])) >= (3, 5)


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
    `cell.step`, with first derivatives in all that they depend on. Autocast does not reach in here. Nothing waits for
    the GPU: with lengths that lie on it, a call can be captured in a CUDA graph, after a first one that compiles.
    """
    w_in, w = cell.input_to_hidden.weight, matrix(cell.hidden_to_hidden)
    gain, bias, eps = normalisation(cell)
    x = x.to(w.dtype)
    before = w.new_zeros(len(x), len(w)) if before is None else before.to(w.dtype)
    if lengths is not None:
        lengths = lengths.to(x.device, torch.int32)
        # padding may hold anything, NaN included, which zeros would not keep out of the gradient of the weights
        x = x.masked_fill(~valid_steps(lengths, x.shape[1]).unsqueeze(-1), 0.0)
    given = (x, lengths, w_in, w, gain, bias, before)
    if torch.is_grad_enabled() and any(part is not None and part.requires_grad for part in given):
        return _Elman.apply(*given, eps, reverse)
    states, last, *_ = _forward(*given, eps, reverse, keep=False)
    return states, last


class _Elman(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        states, last, normalised, inverse = _forward(*given, keep=True)
        x, lengths, w_in, w, gain, _, before, _, ctx.reverse = given
        ctx.save_for_backward(states, normalised, inverse, lengths, w, gain, x, w_in, before)
        return states, last

    @staticmethod
    def backward(ctx: Any, d_states: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
        first_only()
        states, normalised, inverse, lengths, w, gain, x, w_in, before = ctx.saved_tensors
        kept = (states, normalised, inverse, lengths, w, gain)
        with torch.autocast(x.device.type, enabled=False):
            d_sums, d_before, d_gain, d_bias = _backward(d_states, d_last, *kept, ctx.reverse)
            d_rows = d_sums.flatten(0, 1)
            previous = _previous(states, before, lengths, ctx.reverse)
            return (
                d_sums @ w_in if ctx.needs_input_grad[0] else None,
                None,
                d_rows.t() @ x.flatten(0, 1),
                d_rows.t() @ previous.flatten(0, 1),
                d_gain,
                d_rows.sum(0) if d_bias is None else d_bias,
                d_before,
                None,
                None,
            )


def _previous(states: Tensor, before: Tensor, lengths: Tensor | None, reverse: bool) -> Tensor:
    """The state that each step began with; past a sequence's length anything finite."""
    if not reverse:
        return torch.cat([before.unsqueeze(1), states[:, :-1]], dim=1)
    previous = torch.cat([states[:, 1:], before.unsqueeze(1)], dim=1)
    if lengths is None:
        return previous
    final = (lengths.long() - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, states.shape[2])
    return previous.scatter(1, final, before.unsqueeze(1))


def blocks(batch: int, hidden: int, itemsize: int, device: torch.device) -> dict[str, int]:
    """How the work is cut: ROWS sequences a program, tiles of INNER by OUTER weights, rows of WHOLE numbers at once.

    As few sequences a program as keep all processors busy, for what a program does it does in turn. The limits keep
    the tiles within the shared memory and the rest within the registers of every GPU since 2018.
    """
    processors = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
    outer = min(triton.next_power_of_2(max(hidden, 16)), 2048 // itemsize)
    whole = triton.next_power_of_2(max(hidden, outer))
    warps = 4 if outer <= 128 else 8
    rows = 1
    while rows < 8 and batch > rows * processors and 2 * rows * whole * itemsize <= 16384:
        rows *= 2
    inner = min(outer, warps * 4096 // (outer * itemsize))
    return {"ROWS": rows, "INNER": inner, "OUTER": outer, "WHOLE": whole, "num_warps": warps}


def _padded(w: Tensor, inner: int) -> Tensor:
    """The matrix with zeros behind it, so that tiles are read in pieces of 16 bytes and none ends short."""
    hidden = w.shape[0]
    return F.pad(w, (0, -hidden % 16, 0, -hidden % inner)).contiguous()


def _forward(
    x: Tensor,
    lengths: Tensor | None,
    w_in: Tensor,
    w: Tensor,
    gain: Tensor | None,
    bias: Tensor,
    before: Tensor,
    eps: float,
    reverse: bool,
    *,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """States, last states and, where they are kept, the normalised sums and one over their deviations."""
    with torch.autocast(x.device.type, enabled=False):
        projected = F.linear(x, w_in, bias if gain is None else None).contiguous()
    before = before.contiguous()
    batch, time, hidden = projected.shape
    cut = blocks(batch, hidden, projected.itemsize, projected.device)
    w = _padded(w.t(), cut["INNER"])
    # no program writes to padding
    states, last = torch.empty_like(projected) if lengths is None else torch.zeros_like(projected), before.clone()
    keep = keep and gain is not None
    normalised = torch.empty_like(projected) if keep else None
    inverse = projected.new_empty(batch, time) if keep else None
    scratch = torch.empty_like(last) if cut["WHOLE"] > cut["OUTER"] else None
    given = (projected, w, gain, bias, before, lengths, states, last, normalised, inverse, scratch)
    with torch.cuda.device_of(projected):
        grid = (triton.cdiv(batch, cut["ROWS"]),)
        forward_kernel[grid](*given, batch, time, hidden, w.shape[1], EPS=eps, REVERSE=reverse, **cut)
    return states, last, normalised, inverse


def _backward(
    d_states: Tensor,
    d_last: Tensor,
    states: Tensor,
    normalised: Tensor | None,
    inverse: Tensor | None,
    lengths: Tensor | None,
    w: Tensor,
    gain: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """The gradients of all steps' sums, of the state before the first, and of gain and bias where there is a gain."""
    d_states, d_last = d_states.contiguous(), d_last.contiguous()
    batch, time, hidden = states.shape
    cut = blocks(batch, hidden, states.itemsize, states.device)
    w = _padded(w, cut["INNER"])
    programs = triton.cdiv(batch, cut["ROWS"])
    d_sums, d_before = torch.empty_like(states) if lengths is None else torch.zeros_like(states), d_last.clone()
    shares = None if gain is None else states.new_empty(2, programs, hidden)
    scratch = torch.empty_like(d_last) if cut["WHOLE"] > cut["OUTER"] else None
    given = (d_states, d_last, states, normalised, inverse, lengths, w, gain, d_sums, d_before, shares, scratch)
    with torch.cuda.device_of(states):
        backward_kernel[(programs,)](*given, batch, time, hidden, w.shape[1], REVERSE=reverse, **cut)
    d_gain, d_bias = (None, None) if shares is None else shares.sum(1).unbind(0)
    return d_sums, d_before, d_gain, d_bias
