"""A page shows whatever a checkpoint says of its configuration."""

import pytest

from seqvision.inference.report import _short

CELL = {"_target_": "seqvision.rnn.LSTMCell", "gain": 1}


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (
            {"_target_": "seqvision.rnn.Recurrent", "size": 8, "bias": None, "cell": CELL},
            "Recurrent · LSTMCell · size 8",
        ),
        ({"size": 8, "cell": {"gain": 1}}, "size 8"),
        ({"_target_": "a.B", "cell": "lstm"}, "B · cell lstm"),
        ([1], "[1]"),
    ],
)
def test_a_part_in_a_line(part, shown):
    assert _short(part) == shown
