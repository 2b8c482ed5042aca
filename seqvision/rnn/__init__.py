"""The recurrent core: cells (one step each) and `Recurrent` (the only loop over time).

Every pattern of the project runs on these, and any cell can stand in for any other.
"""

from seqvision.rnn.cells import Cell, ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, State
from seqvision.rnn.dropconnect import DropConnect
from seqvision.rnn.no_recurrence import NoRecurrence
from seqvision.rnn.recurrent import Recurrent
from seqvision.rnn.reference import reference_loops
from seqvision.rnn.start import LearntState, StartingState, state_of, state_size
from seqvision.rnn.stepwise import stepwise
from seqvision.rnn.unroll import detach, map_state, state_parts, unroll, windows

__all__ = [
    "Recurrent",
    "NoRecurrence",
    "DropConnect",
    "LearntState",
    "StartingState",
    "stepwise",
    "reference_loops",
    "Cell",
    "ElmanCell",
    "LayerNormElmanCell",
    "LSTMCell",
    "LayerNormLSTMCell",
    "GRUCell",
    "State",
    "detach",
    "map_state",
    "state_of",
    "state_parts",
    "state_size",
    "unroll",
    "windows",
]
