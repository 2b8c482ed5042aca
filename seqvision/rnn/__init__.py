"""The recurrent core: cells (one step each) and `Recurrent` (the only loop over time).

Every pattern of the project runs on these, and any cell can stand in for any other.
"""

from seqvision.rnn.cells import Cell, ElmanCell, GRUCell, LayerNormElmanCell, LSTMCell, State
from seqvision.rnn.no_recurrence import NoRecurrence
from seqvision.rnn.recurrent import Recurrent
from seqvision.rnn.unroll import detach, map_state, unroll, windows

__all__ = [
    "Recurrent",
    "NoRecurrence",
    "Cell",
    "ElmanCell",
    "LayerNormElmanCell",
    "LSTMCell",
    "GRUCell",
    "State",
    "detach",
    "map_state",
    "unroll",
    "windows",
]
