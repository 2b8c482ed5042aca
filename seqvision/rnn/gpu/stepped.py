"""One step after the other, where what comes next depends on what came out: with attention, in DRAW, in RAM.

A step is one operation with a backward pass of its own, and what the gradients of the weights are made of is collected
until all steps of a pass have been gone back through: they are then one product each, as if the steps were one.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqvision.rnn.cells import Cell, State
from seqvision.rnn.gpu.loop import STEPS, cut
from seqvision.rnn.gpu.steps import Steps
from seqvision.rnn.kernels.elman import first_only
from seqvision.rnn.unroll import state_parts


class Pass:
    """A cell with the weights that it has in a pass; `step` is called until the pass ends.

    Each step depends, for autograd, on a token, and the token on the weights. A backward pass therefore reaches the
    token's own step last, when those of all steps that it goes through are done, whichever these are.
    """

    def __init__(self, cell: Cell):
        self.steps = STEPS[type(cell)](cell)
        self.made_for = self._circumstances()
        inputs, hidden = self.steps.weights()
        self.inputs, self.hidden = ([each.detach() for each in part] for part in (inputs, hidden))
        self.traces = _Traces()
        self.token: Tensor = _Token.apply(self.steps, self.traces, len(inputs), *inputs, *hidden)

    def valid(self) -> bool:
        """Whether the cell's weights are those that it began with, and gradients are wanted as they were then."""
        return self.made_for == self._circumstances()

    def _circumstances(self) -> tuple[bool, list[int]]:
        return torch.is_grad_enabled(), [parameter._version for parameter in self.steps.cell.parameters()]

    def step(self, x: Float[Tensor, "*batch input"], state: State) -> State:
        """The state after one more step, as `cell.step(cell.project(x), state)`."""
        parts = state_parts(state)
        leading = torch.broadcast_shapes(x.shape[:-1], *(part.shape[:-1] for part in parts))
        x, *parts = (each.expand(*leading, -1) for each in (x, *parts))
        numbers = (len(parts), len(self.inputs), len(self.hidden))
        after = _Step.apply(self.steps, self.traces, numbers, self.token, x, *parts, *self.inputs, *self.hidden)
        return after if isinstance(state, tuple) else after[0]


class _Traces:
    """What each step of a pass has left, of one backward pass."""

    def __init__(self) -> None:
        self.number = -1  # of the backward pass
        self.steps: list[tuple[list[Tensor], list[Tensor]]] = []

    def add(self, of_inputs: list[Tensor], of_step: list[Tensor]) -> None:
        number = torch._C._current_graph_task_id()
        if number != self.number:  # of one that did not reach the weights nothing may stay
            self.number, self.steps = number, []
        self.steps.append((of_inputs, of_step))

    def take(self) -> list[list[Tensor]]:
        """Those of all steps as one, of the inputs and of the steps; nothing where this backward pass has none."""
        found = self.steps if self.number == torch._C._current_graph_task_id() else []
        self.number, self.steps = -1, []
        return [[torch.cat(column) for column in zip(*part, strict=True)] for part in zip(*found, strict=True)]


class _Token(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, steps: Steps, traces: _Traces, number: int, *weights: Tensor) -> Tensor:
        ctx.steps, ctx.traces, ctx.number = steps, traces, number
        ctx.weights = [each.detach() for each in weights]
        return weights[0].new_empty(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor | None, ...]:
        inputs, hidden = ctx.weights[: ctx.number], ctx.weights[ctx.number :]
        traces = ctx.traces.take()
        if not traces:
            return None, None, None, *(None for _ in ctx.weights)
        with torch.autocast(hidden[0].device.type, enabled=False):
            found = ctx.steps.project_gradients(traces[0], inputs) + ctx.steps.gradients(traces[1], hidden)
        return None, None, None, *found


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, steps: Steps, traces: _Traces, numbers: tuple[int, ...], token: Tensor, x: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        state, inputs, hidden = cut(tensors, numbers)
        rows, *before = (each.reshape(1, -1, each.shape[-1]) for each in (x, *state))
        sums, of_inputs = steps.project(rows, inputs)
        after = [torch.empty_like(part, memory_format=torch.contiguous_format) for part in before]
        kept = steps.forward(sums, before, after, hidden)
        ctx.steps, ctx.traces = steps, traces
        ctx.numbers = (1, len(before), *numbers, len(of_inputs), len(kept))
        ctx.save_for_backward(rows, *before, *after, *inputs, *hidden, *of_inputs, *kept)
        return tuple(part.view(*x.shape[:-1], -1) for part in after)

    @staticmethod
    def backward(ctx: Any, *upper: Tensor) -> tuple[Tensor | None, ...]:
        first_only()
        (x,), before, after, inputs, hidden, of_inputs, kept = cut(ctx.saved_tensors, ctx.numbers)
        d_after = [each.reshape(part.shape) for each, part in zip(upper, after, strict=True)]
        d_before = [torch.zeros_like(part, memory_format=torch.contiguous_format) for part in before]
        with torch.autocast(x.device.type, enabled=False):
            d_sums, of_step = ctx.steps.backward(d_before, d_after, before, after, hidden, kept)
            d_x, of_inputs = ctx.steps.project_backward(d_sums, x, inputs, of_inputs)
        ctx.traces.add(of_inputs, of_step)
        found = (each.view(*upper[0].shape[:-1], -1) for each in (d_x, *d_before))
        return None, None, None, None, *found, *(None for _ in (*inputs, *hidden))
