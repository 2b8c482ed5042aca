"""The gated recurrences, GRU and LSTM, plain and layer-normalised, as one operator over all steps."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.rnn.cells import Cell, GRUCell, LayerNormLSTMCell, LSTMCell, State
from seqvision.rnn.dropconnect import matrix
from seqvision.rnn.kernels.elman import available

_CELLS = (GRUCell, LSTMCell, LayerNormLSTMCell)
MOST_UNITS = 128  # of an LSTM over a padded batch: beyond, oneDNN's products are the faster (docs/performance.md)


def supports_gated(cell: Cell, x: Tensor) -> bool:
    """Whether `gated` computes this cell on such inputs here."""
    return available(cell, x, "gated", _CELLS)


def faster_than_torch(cell: Cell, x: Tensor, lengths: Tensor | None) -> bool:
    """Whether `gated` was measured to beat torch's network: always but for wide LSTMs, which oneDNN computes in single
    precision where no lengths are given.
    """
    at_onednn = type(cell) is LSTMCell and lengths is None and cell.hidden_to_hidden.weight.dtype == torch.float32
    return not (at_onednn and torch.backends.mkldnn.is_available() and cell.hidden_size > MOST_UNITS)


def gated(
    cell: Cell,
    x: Float[Tensor, "batch time input"],
    lengths: Int[Tensor, " batch"] | None,
    before: State | None,
    *,
    reverse: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], State]:
    """The outputs of all steps, zeros past a sequence's length, and the last state of every sequence.

    As `elman` is, for these cells: the numbers of the reference loop, first derivatives in all that they depend on.
    """
    if lengths is not None:
        lengths = lengths.to("cpu", torch.int64).contiguous()
    given = (x, lengths, cell.input_to_hidden.weight, matrix(cell.hidden_to_hidden))
    if isinstance(cell, GRUCell):
        return torch.ops.seqvision.gru.default(*given, _gru_biases(cell), before, reverse)
    h, c = (None, None) if before is None else before
    if isinstance(cell, LayerNormLSTMCell):
        gain = torch.cat([cell.input_norm.weight, cell.hidden_norm.weight, cell.cell_norm.weight])
        bias = torch.cat([cell.input_norm.bias, cell.cell_norm.bias])
        normalised = torch.ops.seqvision.normalised_lstm.default
        outputs, *last = normalised(*given, gain, bias, h, c, cell.cell_norm.eps, reverse)
    else:
        bias = cell.input_to_hidden.bias + cell.hidden_to_hidden.bias
        outputs, *last = torch.ops.seqvision.lstm.default(*given, bias, h, c, reverse)
    return outputs, tuple(last)


def _gru_biases(cell: GRUCell) -> Float[Tensor, " biases"]:
    """Those of both gates, and of the candidate's two shares, between which the reset comes."""
    of_input, of_state, gates = cell.input_to_hidden.bias, cell.hidden_to_hidden.bias, 2 * cell.hidden_size
    return torch.cat([of_input[:gates] + of_state[:gates], of_input[gates:], of_state[gates:]])
