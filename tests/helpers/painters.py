"""Small networks that paint, for tests."""

from functools import partial
from typing import Any

from seqvision.models import (
    BernoulliPixels,
    Draw,
    VariationalAutoencoder,
    WholeRead,
    WholeWrite,
    WindowRead,
    WindowWrite,
)
from seqvision.rnn import LSTMCell, Recurrent

SMALL = {"channels": 1, "height": 6, "width": 6}


def painter(
    *, cell: Any = LSTMCell, window: int | None = 3, num_layers: int = 1, hidden_size: int = 12, **settings: Any
) -> Draw:
    """DRAW with windows of that many filters a side, or without."""
    rnn = partial(Recurrent, cell, hidden_size=hidden_size, num_layers=num_layers)
    read, write = (partial(WindowRead, window), partial(WindowWrite, window)) if window else (WholeRead, WholeWrite)
    settings = {"pixels": BernoulliPixels(), "pictures": SMALL, "steps": 4, "latent_size": 5, **settings}
    return Draw(rnn, rnn, read=read, write=write, **settings)


def autoencoder(**settings: Any) -> VariationalAutoencoder:
    """The control."""
    settings = {"pixels": BernoulliPixels(), "pictures": SMALL, "latent_size": 5, "hidden_size": 12, **settings}
    return VariationalAutoencoder(**settings)
