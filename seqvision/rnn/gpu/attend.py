"""A recurrence that looks at a map at every step, as one operation over all steps, for GPUs.

As `gpu.loop`, with dot attention between the steps: five launches more at a step in either direction, and the gradients
of keys, values and weights as one product each.
"""

from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.autocast import in_float32
from seqvision.rnn.cells import Cell, State
from seqvision.rnn.gpu.loop import STEPS, at_moments, cut, last_states, states_from, without_padding
from seqvision.rnn.gpu.steps import Steps
from seqvision.rnn.kernels.attend import Attended
from seqvision.rnn.kernels.elman import first_only
from seqvision.rnn.unroll import state_parts

_backward_of_softmax: Any = torch.ops.aten._softmax_backward_data.default


def supports(cell: Cell) -> bool:
    """Whether `attend` computes exactly this cell: one whose inputs' share is a sum, to which what is seen can add."""
    return type(cell) in STEPS and STEPS[type(cell)].project is Steps.project


@in_float32
def attend(
    cell: Cell,
    to_query: nn.Linear,
    x: Float[Tensor, "batch time input"],
    keys: Float[Tensor, "batch places key"],
    values: Float[Tensor, "batch places value"],
    before: State,
    lengths: Int[Tensor, " batch"] | None = None,
    seen: Int[Tensor, " batch"] | None = None,
) -> Attended:
    """What `kernels.attend` returns, for any cell that it `supports`; of its last state the part that it shows."""
    steps = STEPS[type(cell)](cell)
    lengths = None if lengths is None else lengths.to(x.device)
    inputs, hidden = steps.weights()
    parts = [part.expand(len(x), -1) for part in state_parts(before)]
    # of the inputs' weights those of the words, for all steps at once, and those of what is seen, at each step
    (words, bias), context = (inputs[0][:, : x.shape[2]], inputs[1:]), inputs[0][:, x.shape[2] :]
    sums = F.linear(x, words, *bias)
    beyond = None
    if seen is not None:
        places = torch.arange(keys.shape[1], device=keys.device) >= seen.to(keys.device).unsqueeze(1)
        # the least number rather than minus infinity, whose softmax is NaN where no place counts at all
        beyond = torch.zeros_like(places, dtype=keys.dtype).masked_fill(places, torch.finfo(keys.dtype).min)
        values = values.masked_fill(places.unsqueeze(2), 0.0)
        keys = keys.masked_fill(places.unsqueeze(2), 0.0)
    given = (sums, keys, values, to_query.weight, to_query.bias, context, *parts, *hidden)
    states, contexts, weights, *last = _Attend.apply(steps, (len(parts), len(hidden)), lengths, beyond, *given)
    if seen is not None:
        weights = weights.masked_fill(places.unsqueeze(1), 0.0)
    return Attended(states, contexts, weights, last[0])


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        steps: Steps,
        numbers: tuple[int, ...],
        lengths: Tensor | None,
        beyond: Tensor | None,
        projected: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        (keys, values, w_query, b_query, w_context), first, hidden = cut(tensors, (5, *numbers))
        sums = projected.transpose(0, 1).clone(memory_format=torch.contiguous_format)
        states = states_from(first, sums)
        mask = projected.new_zeros(()) if beyond is None else beyond.unsqueeze(1)
        scale, keys_t = keys.shape[2] ** -0.5, keys.mT
        queries, weights, contexts, kept = [], [], [], []
        for time in range(len(sums)):
            queries.append(torch.addmm(b_query, states[0][time], w_query.t()).unsqueeze(1))
            weights.append(torch.baddbmm(mask, queries[-1], keys_t, alpha=scale).softmax(dim=-1))
            contexts.append(torch.bmm(weights[-1], values))
            sums[time].addmm_(contexts[-1].squeeze(1), w_context.t())
            here, after = ([each[time + step].unsqueeze(0) for each in states] for step in (0, 1))
            kept.append(steps.forward(sums[time].unsqueeze(0), here, after, hidden))
        seen, looked, asked = (torch.cat(each, dim=1) for each in (contexts, weights, queries))
        ctx.steps, ctx.numbers, ctx.scale = steps, (len(states), len(hidden), *map(len, kept)), scale
        ctx.save_for_backward(
            lengths, keys, values, w_query, w_context, seen, looked, asked, *states, *hidden, *chain(*kept)
        )
        outputs = states[0][1:].transpose(0, 1)
        return *without_padding(lengths, outputs, seen, looked), *last_states(states, lengths)

    @staticmethod
    def backward(ctx: Any, d_outputs: Tensor, d_seen: Tensor, d_looked: Tensor, *d_last: Tensor) -> Any:
        first_only()
        lengths, keys, values, w_query, w_context, seen, looked, asked, *saved = ctx.saved_tensors
        states, hidden, *kept = cut(saved, ctx.numbers)
        with torch.autocast(keys.device.type, enabled=False):
            d_seen, d_looked = without_padding(lengths, d_seen, d_looked)
            d_states = at_moments(d_outputs, d_last, lengths)
            d_contexts = d_seen.transpose(0, 1).clone(memory_format=torch.contiguous_format)
            d_weights, values_t = d_looked.unsqueeze(2).unbind(1), values.mT
            d_sums, d_scores, d_queries, traces = [], [], [], []
            for time in range(len(d_contexts) - 1, -1, -1):
                d_here, d_after, here, after = (
                    [each[time + step].unsqueeze(0) for each in of] for of in (d_states, states) for step in (0, 1)
                )
                d_sum, trace = ctx.steps.backward(d_here, d_after, here, after, hidden, kept[time])
                d_context = d_contexts[time].addmm_(d_sum[0], w_context).unsqueeze(1)
                d_weight = torch.baddbmm(d_weights[time], d_context, values_t)
                d_scores.append(_backward_of_softmax(d_weight, looked[:, time : time + 1], -1, keys.dtype))
                d_queries.append(torch.bmm(d_scores[-1], keys).squeeze(1))
                d_here[0][0].addmm_(d_queries[-1], w_query, alpha=ctx.scale)
                d_sums.append(d_sum[0])
                traces.append(trace)
            d_score = torch.cat(d_scores[::-1], dim=1)
            d_query, d_sum = torch.stack(d_queries[::-1]) * ctx.scale, torch.stack(d_sums[::-1])
            of_query, of_sum = d_query.flatten(0, 1).t(), d_sum.flatten(0, 1).t()
            before = states[0][:-1].flatten(0, 1)
            found = ctx.steps.gradients([torch.cat(column) for column in zip(*traces, strict=True)], hidden)
        return (
            *(None,) * 4,
            d_sum.transpose(0, 1),
            torch.bmm(d_score.mT, asked) * ctx.scale,
            torch.bmm(looked.mT, d_contexts.transpose(0, 1)),
            of_query @ before,
            d_query.sum((0, 1)),
            of_sum @ seen.transpose(0, 1).flatten(0, 1),
            *(each[0] for each in d_states),
            *found,
        )
