"""A state to begin from that is learnt, where zeros would not do."""

import torch
from torch import Tensor, nn

from seqvision.rnn.cells import State
from seqvision.rnn.recurrent import Recurrent
from seqvision.rnn.unroll import map_state


class LearntState(nn.Module):
    """`start(batch) -> state`: the same learnt state for every sequence, of any cell, zeros before training."""

    def __init__(self, rnn: Recurrent):
        super().__init__()
        self.values = nn.ParameterList()
        self._form = map_state(self._keep, rnn.initial_state())

    def _keep(self, zeros: Tensor) -> Tensor:
        self.values.append(nn.Parameter(zeros.detach().clone()))
        return torch.tensor(len(self.values) - 1)

    def forward(self, batch: int) -> tuple[State, ...]:
        state: tuple[State, ...] = map_state(lambda place: self.values[int(place)].expand(batch, -1), self._form)
        return state
