"""torch's own fused layers, for the cells whose numbers they compute.

They stand behind `Recurrent` with `backend="auto"` and are tested against the reference loop.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqvision.rnn.cells import Cell, ElmanCell, GRUCell, LSTMCell, State
from seqvision.rnn.dropconnect import matrix

_LAYERS: dict[type[Cell], Callable[..., Any]] = {
    ElmanCell: torch.rnn_tanh,
    GRUCell: torch.gru,
    LSTMCell: torch.lstm,
}


def supports(cell: Cell) -> bool:
    """Whether torch has a fused layer for exactly this cell: a subclass may compute something else."""
    return type(cell) in _LAYERS


def torch_layer(
    cell: Cell, x: Float[Tensor, "batch time input"], lengths: Int[Tensor, " batch"] | None, state: State
) -> tuple[Float[Tensor, "batch time hidden"], State]:
    """The outputs and the last state of one layer and one direction, by torch's fused network."""
    states = state if isinstance(state, tuple) else (state,)
    ih, hh = cell.input_to_hidden, cell.hidden_to_hidden
    weights = [ih.weight, matrix(hh), ih.bias, hh.bias]
    layer = _LAYERS[type(cell)]
    # cuDNN keeps what a backward pass needs only when told that it trains; with no dropout that changes nothing else
    trains = cell.training or torch.is_grad_enabled()
    settings = (True, 1, 0.0, trains, False)  # biases, layers, dropout, training, bidirectional
    if lengths is None:
        hx = tuple(s.unsqueeze(0) for s in states)
        outputs, *last = layer(x, hx if len(hx) > 1 else hx[0], weights, *settings, True)
    else:
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None
        assert back is not None
        hx = tuple(s.index_select(0, order).unsqueeze(0) for s in states)
        data, *last = layer(packed.data, packed.batch_sizes, hx if len(hx) > 1 else hx[0], weights, *settings)
        outputs, _ = pad_packed_sequence(packed._replace(data=data), batch_first=True, total_length=x.shape[1])
        last = [s.index_select(1, back) for s in last]
    final = tuple(s.squeeze(0) for s in last)
    return outputs, final if isinstance(state, tuple) else final[0]
