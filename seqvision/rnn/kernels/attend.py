"""The Elman recurrences that look at a picture at every step, as one operator over all steps."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.autocast import in_float32
from seqvision.rnn.cells import Cell
from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.kernels.elman import available, first_only, normalisation, rows


class Attended(NamedTuple):
    """The states of all steps, what was seen at each, where, and the last state; zeros past a sequence's length."""

    states: Float[Tensor, "batch time hidden"]
    contexts: Float[Tensor, "batch time value"]
    weights: Float[Tensor, "batch time places"]
    last: Float[Tensor, "batch hidden"]


def supports_attention(cell: Cell, x: Tensor) -> bool:
    """Whether `attend` computes this cell on such inputs here."""
    return available(cell, x, "attend")


@in_float32
def attend(
    cell: Cell,
    to_query: nn.Linear,
    x: Float[Tensor, "batch time input"],
    keys: Float[Tensor, "batch places key"],
    values: Float[Tensor, "batch places value"],
    before: Float[Tensor, "batch hidden"],
    lengths: Int[Tensor, " batch"] | None = None,
    seen: Int[Tensor, " batch"] | None = None,
) -> Attended:
    """What the loop gives whose step asks with its last state, q = `to_query`(h), takes the mean of the values with
    the weights softmax(keys q / √key), and runs the cell on the input and that mean side by side.

    The numbers are those of `DotAttention` and `cell.step`, with first derivatives in all that they depend on. seen:
    how many of the first places count; the others have weight zero, and what lies there is never read.
    """
    w_in, w = cell.input_to_hidden.weight, matrix(cell.hidden_to_hidden)
    gain, bias, eps = normalisation(cell)
    projected = F.linear(x.to(w.dtype), w_in[:, : x.shape[-1]]).to(w.dtype)
    lengths, seen = (None if n is None else n.to("cpu", torch.int64).contiguous() for n in (lengths, seen))
    before = before.expand(x.shape[0], -1)  # a state without a batch dimension is every sequence's
    keys, values, before = (part.to(w.dtype).contiguous() for part in (keys, values, before))
    w_context = w_in[:, x.shape[-1] :].contiguous()
    query = (to_query.weight.contiguous(), to_query.bias.contiguous())
    given = (projected, lengths, seen, keys, values, *query, w_context, w.contiguous(), gain, bias)
    settings = (keys.shape[-1] ** -0.5, eps)
    if torch.is_grad_enabled():
        return Attended(*_Attend.apply(*given, before, *settings))
    return Attended(*torch.ops.seqvision.attend_forward(*given, before, *settings, False)[:4])


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, ...]:
        states, contexts, weights, last, xhat, inverse = torch.ops.seqvision.attend_forward(*given, True)
        _, *inputs, _, before, ctx.scale, _ = given
        ctx.has_gain = given[9] is not None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(states, contexts, weights, xhat, inverse, *inputs, before)
        return states, contexts, weights, last

    @staticmethod
    def backward(ctx: Any, *upper: Tensor | None) -> tuple[Tensor | None, ...]:
        first_only()
        d_states, d_contexts, d_weights = (None if d is None else rows(d) for d in upper[:3])
        d_last = None if upper[3] is None else upper[3].contiguous()
        d_projected, *gradients, d_gain, d_bias, d_before = torch.ops.seqvision.attend_backward(
            d_states, d_contexts, d_weights, d_last, *ctx.saved_tensors, ctx.scale
        )
        return d_projected, None, None, *gradients, d_gain if ctx.has_gain else None, d_bias, d_before, None, None
