"""The control: what stands where the recurrence would, and remembers nothing."""

from typing import Any

from torch import Tensor, nn


class NoRecurrence(nn.Module):
    """What came in, as it came: called like a `Recurrent`, it makes the network that sees each frame alone.

    The settings of a recurrence are taken and mean nothing here, so that any experiment can be run without its own.
    """

    directions = 1
    bidirectional = False

    def __init__(self, input_size: int, **_: Any):
        super().__init__()
        self.input_size = self.output_size = input_size

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: tuple[()] | None = None
    ) -> tuple[Tensor, tuple[()]]:
        """The inputs, and a state without anything in it."""
        return x, ()
