"""Faults in a data set: the first one ends reading, unless a check collects them all."""

from collections.abc import Iterator, Sequence
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


def fault_of_many(found: Sequence[str], advice: str) -> None:
    """Raises one error for many faults of a kind, the first with the number of the others and the advice; where faults
    are being collected, each is one of them.
    """
    collected = _collected.get()
    if collected is None and found:
        more = f" {len(found) - 1} more like this." if len(found) > 1 else ""
        raise UserError(f"{found[0]}{'' if found[0].endswith('.') else '.'}{more} {advice}")
    for message in found:
        fault(UserError(message))


def collecting() -> bool:
    """Whether a check collects the faults."""
    return _collected.get() is not None
