"""A recurrence for networks that take one step at a time, since what comes next depends on what came out."""

from collections.abc import Callable
from typing import Any

from seqvision.errors import UserError
from seqvision.rnn.no_recurrence import NoRecurrence
from seqvision.rnn.recurrent import Recurrent


def stepwise(rnn: Callable[..., Any], *, input_size: int) -> Recurrent:
    """The network that a partial makes; a UserError for one that cannot go step by step."""
    made: Recurrent | NoRecurrence = rnn(input_size=input_size)
    if isinstance(made, NoRecurrence):
        raise UserError(
            "rnn=none: this network goes step by step and has to remember what it has done; "
            "take rnn=elman, or another. Only sequences that are there as a whole can be seen frame by frame"
        )
    if made.bidirectional:
        raise UserError(
            "rnn.bidirectional=true: this network goes step by step, and the future is not there yet; leave it false"
        )
    return made
