"""All steps of one layer as one operation, for GPUs: few launches a step, and a backward pass of its own.

On a GPU each operation of a step costs a launch, and for the sizes of these networks the launches are the time. So
nothing is done at a step that can be done once for all of them: inputs and, in the backward pass, everything that
does not depend on the gradient are computed before, the gradients of the weights as one product afterwards. Sequences
that have ended run on over zeros, and what they leave is removed at the end. Nothing waits for the GPU or allocates
by what the data hold: with lengths that lie on the GPU, a call can be captured in a CUDA graph.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.rnn.cells import Cell, ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, State
from seqvision.rnn.gpu.elman import ElmanSteps, LayerNormElmanSteps
from seqvision.rnn.gpu.gated import GRUSteps, LayerNormLSTMSteps, LSTMSteps
from seqvision.rnn.gpu.steps import Steps
from seqvision.rnn.kernels.elman import first_only
from seqvision.rnn.unroll import reverse_sequences, state_parts, valid_steps

STEPS: dict[type[Cell], type[Steps]] = {
    ElmanCell: ElmanSteps,
    LayerNormElmanCell: LayerNormElmanSteps,
    LSTMCell: LSTMSteps,
    LayerNormLSTMCell: LayerNormLSTMSteps,
    GRUCell: GRUSteps,
}


def supports(cell: Cell) -> bool:
    """Whether `loop` computes exactly this cell: a subclass may compute something else."""
    return type(cell) in STEPS


def loop(
    cell: Cell,
    x: Float[Tensor, "batch time input"],
    lengths: Int[Tensor, " batch"] | None,
    state: State | None,
    *,
    reverse: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], State]:
    """The outputs of all steps, zeros past a sequence's length, and the last state of every sequence.

    reverse: each sequence from its own end to its beginning. The numbers are those of the reference loop over
    `cell.step`, with first derivatives in all that they depend on.
    """
    state = cell.initial_state(len(x)) if state is None else state
    if lengths is not None:
        lengths = lengths.to(x.device)
        # padding may hold anything, NaN included, which zeros would not keep out of the gradient of the weights
        x = x.masked_fill(~valid_steps(lengths, x.shape[1]).unsqueeze(-1), 0.0)
    steps = STEPS[type(cell)](cell)
    inputs, hidden = steps.weights()
    parts = state_parts(state)
    x = reverse_sequences(x, lengths) if reverse else x
    outputs, *last = _Loop.apply(steps, (len(parts), len(inputs), len(hidden)), lengths, x, *parts, *inputs, *hidden)
    outputs = reverse_sequences(outputs, lengths) if reverse else outputs
    return outputs, tuple(last) if isinstance(state, tuple) else last[0]


class _Loop(torch.autograd.Function):
    """Of the inputs, the states' parts, and the weights of the inputs and of the steps; `numbers` says how many."""

    @staticmethod
    def forward(
        ctx: Any, steps: Steps, numbers: tuple[int, ...], lengths: Tensor | None, x: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        first, inputs, hidden = cut(tensors, numbers)
        x = x.transpose(0, 1).contiguous()
        sums, of_inputs = steps.project(x, inputs)
        states = states_from(first, sums)
        kept = steps.forward(sums, *_before_and_after(states), hidden)
        ctx.steps, ctx.numbers = steps, (1, *numbers, len(of_inputs), len(kept))
        ctx.save_for_backward(lengths, x, *states, *inputs, *hidden, *of_inputs, *kept)
        return *without_padding(lengths, states[0][1:].transpose(0, 1)), *last_states(states, lengths)

    @staticmethod
    def backward(ctx: Any, *upper: Tensor) -> tuple[Tensor | None, ...]:
        first_only()
        lengths, *saved = ctx.saved_tensors
        (x,), states, inputs, hidden, of_inputs, kept = cut(saved, ctx.numbers)
        with torch.autocast(x.device.type, enabled=False):
            d_states = at_moments(upper[0], upper[1:], lengths)
            d_sums, trace = ctx.steps.backward(*_before_and_after(d_states), *_before_and_after(states), hidden, kept)
            d_x, of_inputs = ctx.steps.project_backward(d_sums, x, inputs, of_inputs)
            weights = ctx.steps.project_gradients(of_inputs, inputs) + ctx.steps.gradients(trace, hidden)
        return None, None, None, d_x.transpose(0, 1), *(each[0] for each in d_states), *weights


def cut(tensors: Sequence[Tensor], numbers: Sequence[int]) -> list[list[Tensor]]:
    """The tensors in lists of so many."""
    rest = iter(tensors)
    return [[next(rest) for _ in range(number)] for number in numbers]


def _before_and_after(states: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Those before each step and those after it."""
    return [each[:-1] for each in states], [each[1:] for each in states]


def states_from(first: list[Tensor], sums: Tensor) -> list[Tensor]:
    """A tensor for each state at all moments, (time + 1, batch, hidden), of which the first is written."""
    states = [sums.new_empty(len(sums) + 1, *part.shape) for part in first]
    for moments, part in zip(states, first, strict=True):
        moments[0].copy_(part)
    return states


def without_padding(lengths: Tensor | None, *of_steps: Tensor) -> tuple[Tensor, ...]:
    """What (batch, time, …) holds of each step, with zeros past a sequence's length."""
    if lengths is None:
        return of_steps
    past = ~valid_steps(lengths, of_steps[0].shape[1]).unsqueeze(-1)
    return tuple(each.masked_fill(past, 0.0) for each in of_steps)


def last_states(states: list[Tensor], lengths: Tensor | None) -> list[Tensor]:
    """Each state at the end of every sequence."""
    if lengths is None:
        return [moments[-1].clone() for moments in states]
    row = lengths.to(torch.int64).view(1, -1, 1)
    return [moments.gather(0, row.expand(1, *moments.shape[1:])).squeeze(0) for moments in states]


def at_moments(d_outputs: Tensor, d_last: tuple[Tensor, ...], lengths: Tensor | None) -> list[Tensor]:
    """The gradients of each state at all moments, (time + 1, batch, hidden), as they come from above: of the outputs
    after each step of a sequence, and of the last state at its end.
    """
    time = d_outputs.shape[1]
    found = [d.new_zeros(time + 1, *d.shape) for d in d_last]
    found[0][1:] = d_outputs.transpose(0, 1)
    if lengths is None:
        for moments, last in zip(found, d_last, strict=True):
            moments[-1] += last
        return found
    moment = torch.arange(time + 1, device=lengths.device).unsqueeze(1)
    beyond, final = (moment > lengths).unsqueeze(2), (moment == lengths).unsqueeze(2)
    found[0].masked_fill_(beyond, 0.0)
    return [torch.where(final, moments + last, moments) for moments, last in zip(found, d_last, strict=True)]
