"""Faults in a data set: the first one ends reading, unless a check collects them all."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from seqvision.errors import UserError

_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


@contextmanager
def collect_faults() -> Iterator[list[str]]:
    """The faults that `each` and `fault` meet within, in order, each once; reading goes on behind them."""
    found: list[str] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


@contextmanager
def each() -> Iterator[None]:
    """Around the reading of one row or file: a UserError is raised, or collected, and the next one is read."""
    try:
        yield
    except UserError as error:
        fault(error)


def fault(error: UserError) -> None:
    """Raises the error, or puts it to the faults that are being collected."""
    found = _collected.get()
    if found is None:
        raise error
    if str(error) not in found:
        found.append(str(error))
