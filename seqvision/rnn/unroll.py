"""The loop over time, and what belongs to it: reversal, windows, states as trees of tensors."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Bool, Int
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
    return x.gather(1, index.reshape(*index.shape, *[1] * (x.dim() - 2)).expand_as(x))


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
