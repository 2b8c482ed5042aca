"""How a command ends by a signal: with a sentence, and the status that shells and schedulers expect."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seqvision.errors import Stopped


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM raises `Stopped` within, as SIGINT raises KeyboardInterrupt, so that nothing half written is left."""
    owner = os.getpid()

    def stop(signum: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise Stopped(signum)
        signal.signal(signum, signal.SIG_DFL)  # a process that this one has started
        os.kill(os.getpid(), signum)

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
