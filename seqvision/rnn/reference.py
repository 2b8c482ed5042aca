"""The plain loop for a while, for what has to see each step or to differentiate twice."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from seqvision.rnn.paths import Backend
from seqvision.rnn.recurrent import Recurrent


@contextmanager
def reference_loops(model: nn.Module) -> Iterator[None]:
    """Within it every recurrence of the model runs its cells' own submodules, one step after the other, whatever its
    `backend`: hooks on them fire, and there are derivatives of any order.
    """
    kept: list[tuple[Recurrent, Backend]] = [
        (module, module.backend) for module in model.modules() if isinstance(module, Recurrent)
    ]
    for module, _ in kept:
        module.backend = "reference"
    try:
        yield
    finally:
        for module, backend in kept:
            module.backend = backend
