"""The loop over time, and what belongs to it: reversal, windows, states as trees of tensors."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def unroll(step: Callable[[Tensor, Any], tuple[Any, Any]], inputs: Tensor, state: Any) -> tuple[Any, Any]:
    """The outputs of all steps, stacked along time, and the last state; `step(x_t, state) -> (y_t, state)`.

    `inputs` is (batch, time, …), each y_t a tensor (batch, …) or a tuple of such; each comes back as
    (batch, time, …).
    """
    outputs = []
    for x_t in inputs.unbind(1):  # unbind once: indexing a[:, t] makes the backward pass quadratic in time
        y_t, state = step(x_t, state)
        outputs.append(y_t)
    if isinstance(outputs[0], tuple):
        return tuple(torch.stack(column, dim=1) for column in zip(*outputs, strict=True)), state
    return torch.stack(outputs, dim=1), state


def valid_steps(lengths: Int[Tensor, " batch"], time: int) -> Bool[Tensor, "batch time"]:
    """True where a step belongs to its sequence, False where it is padding."""
    return torch.arange(time, device=lengths.device) < lengths.unsqueeze(1)


def reverse_sequences(x: Tensor, lengths: Int[Tensor, " batch"] | None) -> Tensor:
    """Each sequence of x (batch, time, …) from its own end to its beginning; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths.to(x.device).unsqueeze(1) - 1 - steps
    index = torch.where(mirrored >= 0, mirrored, steps)
    reversed: Tensor = _Reordered.apply(x, index.reshape(*index.shape, *[1] * (x.dim() - 2)))
    return reversed


class _Reordered(torch.autograd.Function):
    """Steps in an order that, applied twice, is the first one again: so the gradient is reordered in the same way. The
    scatter of `gather`'s own backward pass adds in no fixed order on a GPU.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        return x.gather(1, index.expand_as(x))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return _Reordered.apply(gradients[0], index), None


def states_at(
    states: Float[Tensor, "batch moments size"], moment: Int[Tensor, " batch"]
) -> Float[Tensor, "batch size"]:
    """Each sequence's state at a moment of its own, 0 being the one before its first step."""
    found: Tensor = _Picked.apply(states, moment.to(states.device, torch.int64).unsqueeze(1))
    return found


class _Picked(torch.autograd.Function):
    """One row of each sequence; its gradient is written by a comparison, for the same reason."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, moment: Tensor) -> Tensor:
        ctx.save_for_backward(moment)
        ctx.moments = states.shape[1]
        return states.gather(1, moment.unsqueeze(2).expand(-1, 1, states.shape[2])).squeeze(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (moment,) = ctx.saved_tensors
        here = torch.arange(ctx.moments, device=moment.device) == moment
        return torch.where(here.unsqueeze(2), gradients[0].unsqueeze(1), 0.0), None


def map_state(function: Callable[..., Tensor], *states: Any) -> Any:
    """The same function over the corresponding tensors of one or several states of the same form."""
    if isinstance(states[0], Tensor):
        return function(*states)
    return tuple(map_state(function, *parts) for parts in zip(*states, strict=True))


def state_parts(state: Any) -> list[Tensor]:
    """The state's tensors in order."""
    return [state] if isinstance(state, Tensor) else [part for entry in state for part in state_parts(entry)]


def detach(state: Any) -> Any:
    """The state's values without their history: what truncated back-propagation carries from window to window."""
    return map_state(Tensor.detach, state)


def windows(
    x: Tensor, size: int, lengths: Int[Tensor, " batch"] | None = None
) -> Iterator[tuple[Tensor, Int[Tensor, " batch"] | None]]:
    """The steps of x (batch, time, …) in windows of `size` steps, each with the lengths that remain inside it.

    Truncated back-propagation through time (Williams and Peng, 1990): run `Recurrent` on each window in turn, hand
    it the last window's `detach(state)`, and step the optimiser in between.
    """
    for start in range(0, x.shape[1], size):
        part = x[:, start : start + size]
        yield part, None if lengths is None else (lengths - start).clamp(0, part.shape[1])
