"""torch's own fused layers, for the cells whose numbers they compute.

They stand behind `Recurrent` with `backend="auto"` and are tested against the reference loop.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.rnn.cells import Cell, ElmanCell, GRUCell, LSTMCell, State
from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.unroll import reverse_sequences, states_at, valid_steps

_LAYERS: dict[type[Cell], Callable[..., Any]] = {
    ElmanCell: torch.rnn_tanh,
    GRUCell: torch.gru,
    LSTMCell: torch.lstm,
}
CLOSED = 1e4  # a gate's input at which its sigmoid is 1 exactly, and with the other sign 0, in any precision


def supports(cell: Cell) -> bool:
    """Whether torch has a fused layer for exactly this cell: a subclass may compute something else."""
    return type(cell) in _LAYERS


def torch_layer(
    cell: Cell,
    x: Float[Tensor, "batch time input"],
    lengths: Int[Tensor, " batch"] | None,
    state: State | None,
    *,
    reverse: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], State]:
    """The outputs of all steps, zeros past a sequence's length, and the last state, by torch's fused network.

    reverse: each sequence from its own end to its beginning.

    Sequences of different lengths are computed to the end of the longest, and what is past an end is removed at the
    end: packing them would wait for the lengths and take several launches for each different one. Nothing here waits.
    """
    state = cell.initial_state(len(x)) if state is None else state
    states = state if isinstance(state, tuple) else (state,)
    ih, hh = cell.input_to_hidden, cell.hidden_to_hidden
    w_in = ih.weight
    x = reverse_sequences(x, lengths) if reverse else x
    if lengths is not None:
        valid = valid_steps(lengths.to(x.device), x.shape[1]).unsqueeze(-1)
        x = x.masked_fill(~valid, 0.0)  # padding may hold anything, NaN included
        if type(cell) is LSTMCell:
            x, w_in = _holding(x, w_in, valid)
    # cuDNN keeps what a backward pass needs only when told that it trains; with no dropout that changes nothing else
    trains = cell.training or torch.is_grad_enabled()
    settings = (True, 1, 0.0, trains, False, True)  # biases, layers, dropout, training, bidirectional, batch first
    hx = tuple(s.unsqueeze(0).contiguous() for s in states)
    weights = [w_in, matrix(hh), ih.bias, hh.bias]
    outputs, *last = _LAYERS[type(cell)](x, hx if len(hx) > 1 else hx[0], weights, *settings)
    final = [s.squeeze(0) for s in last]
    if lengths is not None:
        outputs = outputs.masked_fill(~valid, 0.0)
        final[0] = states_at(torch.cat([states[0].unsqueeze(1), outputs], dim=1), lengths)
    outputs = reverse_sequences(outputs, lengths) if reverse else outputs
    return outputs, tuple(final) if isinstance(state, tuple) else final[0]


def _holding(x: Tensor, w_in: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and weights of an LSTM that keeps its memory unchanged through padding, since its outputs do not show it.

    One input more says that a step is padding: it opens the forget gate and closes the input gate entirely, so that
    c' = 1 · c + 0 · g, and neither passes a gradient on to the weights.
    """
    gates = w_in.new_zeros(4, len(w_in) // 4)
    gates[0], gates[1] = -CLOSED, CLOSED
    return torch.cat([x, (~valid).to(x.dtype)], dim=2), torch.cat([w_in, gates.flatten().unsqueeze(1)], dim=1)
