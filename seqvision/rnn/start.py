"""States to begin from where zeros would not do: one that is learnt, one that a vector says."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.rnn.cells import State
from seqvision.rnn.recurrent import Recurrent
from seqvision.rnn.unroll import map_state, state_parts


def state_size(rnn: Recurrent) -> int:
    """How many numbers a state is made of."""
    return sum(part.shape[-1] for part in state_parts(rnn.initial_state()))


def state_of(rnn: Recurrent, numbers: Float[Tensor, "*batch numbers"]) -> tuple[State, ...]:
    """The first state whose parts, of any cell, stand side by side in these numbers. A new pass begins."""
    zeros = rnn.initial_state(*numbers.shape[:-1])
    parts = iter(numbers.split([part.shape[-1] for part in state_parts(zeros)], dim=-1))
    state: tuple[State, ...] = map_state(lambda _: next(parts), zeros)
    return state


class LearntState(nn.Module):
    """`start(batch) -> state`: the same learnt state for every sequence, of any cell, zeros before training."""

    def __init__(self, rnn: Recurrent):
        super().__init__()
        self.rnn = [rnn]  # in a list: it is registered where it belongs
        self.values = nn.ParameterList(part.detach().clone() for part in state_parts(rnn.initial_state()))

    def forward(self, batch: int) -> tuple[State, ...]:
        return state_of(self.rnn[0], torch.cat(list(self.values)).expand(batch, -1))


class StartingState(nn.Module):
    """`start(vector) -> state`: tanh of a linear layer's output."""

    def __init__(self, rnn: Recurrent, inputs: int):
        super().__init__()
        self.rnn = [rnn]
        self.linear = nn.Linear(inputs, state_size(rnn))

    def forward(self, vector: Float[Tensor, "batch inputs"]) -> tuple[State, ...]:
        return state_of(self.rnn[0], torch.tanh(self.linear(vector)))
