"""Recurrent cells: each is one step, and knows nothing of time, layers or directions.

A cell splits its work in two, so that the loop over time does only what must be done in turn: `project` takes the
input's share of all steps at once, `step` adds the state's share of one. `Recurrent` owns the loop.
"""

from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

State: TypeAlias = Tensor | tuple[Tensor, ...]


class Cell(nn.Module):
    """What every cell offers; a new one defines `project`, `step` and, where the state is no single tensor, the rest.

    Leading dimensions are free: a step takes (batch, …) as well as (batch, beams, …). The matrices are `nn.Linear`
    submodules, so that what looks for layers by their type finds them.
    """

    input_to_hidden: nn.Linear
    hidden_to_hidden: nn.Linear
    squashed: tuple[str, ...] = (
        "state",
    )  # what `step` puts through a tanh or a sigmoid, in the order in which it does

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

    def project(self, x: Float[Tensor, "*batch input"]) -> Float[Tensor, "*batch gates"]:
        """The input's share of every step at once."""
        raise NotImplementedError

    def step(self, projected: Float[Tensor, "*batch gates"], state: State) -> State:
        """The state after one more step."""
        raise NotImplementedError

    def initial_state(self, *batch: int) -> State:
        """The state before the first step: zeros of shape (*batch, hidden) on the cell's device and in its dtype."""
        return next(self.parameters()).new_zeros(*batch, self.hidden_size)

    def output(self, state: State) -> Float[Tensor, "*batch hidden"]:
        """The part of the state that the next layer sees."""
        assert isinstance(state, Tensor)
        return state


def _linear(inputs: int, outputs: int, *, gates: int = 1, recurrent: bool = False, bias: bool = True) -> nn.Linear:
    """A linear map whose weight is orthogonal a gate (recurrent) or Xavier-uniform, with biases at zero."""
    linear = nn.Linear(inputs, gates * outputs, bias=bias)
    for gate in linear.weight.detach().chunk(gates):
        if recurrent:
            nn.init.orthogonal_(gate)
        else:
            nn.init.xavier_uniform_(gate)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


class ElmanCell(Cell):
    """The vanilla recurrence: h' = tanh(W_ih x + b_ih + W_hh h + b_hh) (Elman, 1990).

    Same numbers as `torch.nn.RNNCell` given the same weights.
    """

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.input_to_hidden = _linear(input_size, hidden_size)
        self.hidden_to_hidden = _linear(hidden_size, hidden_size, recurrent=True)

    def project(self, x: Float[Tensor, "*batch input"]) -> Float[Tensor, "*batch hidden"]:
        return self.input_to_hidden(x)

    def step(self, projected: Float[Tensor, "*batch hidden"], state: State) -> State:
        return torch.tanh(projected + self.hidden_to_hidden(state))


class LayerNormElmanCell(Cell):
    """The layer-normalised recurrence: h' = tanh(g ⊙ (a − μ)/σ + b) with a = W_ih x + W_hh h.

    μ and σ² are the mean and the biased variance over the hidden units of one step; ε = 1e-5 stands under the root
    (Ba, Kiros and Hinton, 2016, equation 4). The matrices need no biases: b follows the normalisation.

    gain: what g begins with. At 1 a fresh cell is chaotic: gradients grow with every step, over 784 of them to more
    than a float holds. With less, tanh is nearly linear and the input weighs more beside the state, so that gradients
    fade: with inputs of about 1 the border lies near .5 (as for other cells in Cooijmans et al., "Recurrent Batch
    Normalization", 2017, section 4).
    """

    def __init__(self, input_size: int, hidden_size: int, *, gain: float | int = 1.0, eps: float = 1e-5):
        super().__init__(input_size, hidden_size)
        self.input_to_hidden = _linear(input_size, hidden_size, bias=False)
        self.hidden_to_hidden = _linear(hidden_size, hidden_size, recurrent=True, bias=False)
        self.norm = nn.LayerNorm(hidden_size, eps=eps)
        nn.init.constant_(self.norm.weight, gain)

    def project(self, x: Float[Tensor, "*batch input"]) -> Float[Tensor, "*batch hidden"]:
        return self.input_to_hidden(x)

    def step(self, projected: Float[Tensor, "*batch hidden"], state: State) -> State:
        return torch.tanh(self.norm(projected + self.hidden_to_hidden(state)))


class LSTMCell(Cell):
    """Long short-term memory; the state is (h, c) (Hochreiter and Schmidhuber, 1997; gates i, f, g, o as in torch).

    Same numbers as `torch.nn.LSTMCell` given the same weights. The forget gate starts open (bias 1).
    """

    squashed = ("forget gate", "input gate", "candidate", "output gate", "memory")

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.input_to_hidden = _linear(input_size, hidden_size, gates=4)
        self.hidden_to_hidden = _linear(hidden_size, hidden_size, gates=4, recurrent=True)
        nn.init.ones_(self.input_to_hidden.bias.detach()[hidden_size : 2 * hidden_size])

    def project(self, x: Float[Tensor, "*batch input"]) -> Float[Tensor, "*batch gates"]:
        return self.input_to_hidden(x)

    def step(self, projected: Float[Tensor, "*batch gates"], state: State) -> State:
        h, c = state
        i, f, g, o = (projected + self.hidden_to_hidden(h)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def initial_state(self, *batch: int) -> State:
        h = super().initial_state(*batch)
        assert isinstance(h, Tensor)
        return h, torch.zeros_like(h)

    def output(self, state: State) -> Float[Tensor, "*batch hidden"]:
        return state[0]


class LayerNormLSTMCell(LSTMCell):
    """The layer-normalised LSTM: gates from LN(W_ih x) + LN(W_hh h), h' = σ(o) ⊙ tanh(LN(c')).

    Each normalisation is over all units that it sees, the four gates' together, with a gain of its own (Ba, Kiros and
    Hinton, 2016, equations 20 to 22). The three biases of equation 20 are only ever added: here they are one, that of
    the inputs' normalisation. ε = 1e-5 stands under the root. The forget gate starts open.

    gain: what the three normalisations' gains begin with, 1 in the paper. With less the gates begin half open and the
        output near zero, as in the plain cell.
    """

    def __init__(self, input_size: int, hidden_size: int, *, gain: float | int = 1.0, eps: float = 1e-5):
        Cell.__init__(self, input_size, hidden_size)
        self.input_to_hidden = _linear(input_size, hidden_size, gates=4, bias=False)
        self.hidden_to_hidden = _linear(hidden_size, hidden_size, gates=4, recurrent=True, bias=False)
        self.input_norm = nn.LayerNorm(4 * hidden_size, eps=eps)
        self.hidden_norm = nn.LayerNorm(4 * hidden_size, eps=eps, bias=False)
        self.cell_norm = nn.LayerNorm(hidden_size, eps=eps)
        for norm in (self.input_norm, self.hidden_norm, self.cell_norm):
            nn.init.constant_(norm.weight, gain)
        nn.init.ones_(self.input_norm.bias.detach()[hidden_size : 2 * hidden_size])

    def project(self, x: Float[Tensor, "*batch input"]) -> Float[Tensor, "*batch gates"]:
        return self.input_norm(self.input_to_hidden(x))

    def step(self, projected: Float[Tensor, "*batch gates"], state: State) -> State:
        h, c = state
        i, f, g, o = (projected + self.hidden_norm(self.hidden_to_hidden(h))).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(self.cell_norm(c)), c


class GRUCell(Cell):
    """The gated recurrent unit (Cho et al., 2014; gates r, z, n and the reset after the product, as in torch).

    Same numbers as `torch.nn.GRUCell` given the same weights.
    """

    squashed = ("update gate", "reset gate", "candidate")

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.input_to_hidden = _linear(input_size, hidden_size, gates=3)
        self.hidden_to_hidden = _linear(hidden_size, hidden_size, gates=3, recurrent=True)

    def project(self, x: Float[Tensor, "*batch input"]) -> Float[Tensor, "*batch gates"]:
        return self.input_to_hidden(x)

    def step(self, projected: Float[Tensor, "*batch gates"], state: State) -> State:
        assert isinstance(state, Tensor)
        x_r, x_z, x_n = projected.chunk(3, dim=-1)
        h_r, h_z, h_n = self.hidden_to_hidden(state).chunk(3, dim=-1)
        update = torch.sigmoid(x_z + h_z)
        candidate = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
        return candidate + update * (state - candidate)
