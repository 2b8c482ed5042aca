"""A progress bar for work that turns out to be long."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

Item = TypeVar("Item")


def tracked(
    items: Iterable[Item], *, total: int, description: str, show: bool = True, after: float = 2.0
) -> Iterator[Item]:
    """The items, with a bar on standard error once they have taken more than `after` seconds."""
    begun = time.monotonic()
    bar: Progress | None = None
    try:
        for done, item in enumerate(items):
            if bar is None and show and time.monotonic() - begun > after:
                bar = Progress(console=Console(stderr=True), transient=True)
                task = bar.add_task(description, total=total)
                bar.start()
            if bar is not None:
                bar.update(task, completed=done)
            yield item
    finally:
        if bar is not None:
            bar.stop()
