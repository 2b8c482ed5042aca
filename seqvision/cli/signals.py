"""How a command ends by a signal: with a sentence, and the status that shells and schedulers expect."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seqvision.errors import Stopped


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM and SIGUSR1 raise `Stopped` within, as SIGINT raises KeyboardInterrupt, so that nothing half written is
    left.
    """
    owner = os.getpid()

    def stop(signum: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise Stopped(signum)
        signal.signal(signum, signal.SIG_DFL)  # a process that this one has started
        os.kill(os.getpid(), signum)

    heard = (signal.SIGTERM, signal.SIGUSR1) if threading.current_thread() is threading.main_thread() else ()
    ours = [signum for signum in heard if signal.getsignal(signum) == signal.SIG_DFL]
    for signum in ours:
        signal.signal(signum, stop)
    try:
        yield
    finally:
        for signum in ours:
            signal.signal(signum, signal.SIG_DFL)


def queued_again() -> str:
    """Puts the Slurm job that this process is the first one of into the queue again, as its SIGUSR1 before the end of
    its time asks for; what came of it, in a sentence. Empty where this is no such job.
    """
    job = os.environ.get("SLURM_ARRAY_JOB_ID", os.environ.get("SLURM_JOB_ID"))
    if job is None or os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return ""
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return ""  # the first one does it
    if task := os.environ.get("SLURM_ARRAY_TASK_ID"):
        job = f"{job}_{task}"
    try:
        done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, timeout=60)
        failure = " ".join(done.stderr.split()) if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        failure = str(error)
    return f"job {job} could not be queued again ({failure})" if failure else f"job {job} is queued again"
