"""What goes step by step refuses what cannot."""

from functools import partial

import pytest

from seqvision.errors import UserError
from seqvision.rnn import ElmanCell, NoRecurrence, Recurrent, stepwise


def test_a_forward_network_is_made():
    made = stepwise(partial(Recurrent, ElmanCell, hidden_size=3), input_size=2)
    assert (made.input_size, made.output_size) == (2, 3)


def test_what_needs_the_whole_sequence_is_refused():
    with pytest.raises(UserError, match=r"rnn.bidirectional=true"):
        stepwise(partial(Recurrent, ElmanCell, hidden_size=3, bidirectional=True), input_size=2)
    with pytest.raises(UserError, match=r"rnn=none"):
        stepwise(NoRecurrence, input_size=2)
