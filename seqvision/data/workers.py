"""How many processes read pictures, and how far ahead: chosen from the machine and the data."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

MOST = 16  # workers of one process; more than a training step can use
BATCHES_AHEAD = 2  # each worker's; torch's own choice
# Seconds until a worker is ready: a copy of this process, or a new one that imports torch.
START_SECONDS = {"fork": 0.1, "forkserver": 5.0, "spawn": 5.0}
SHARED_MEMORY = Path("/dev/shm")


class Workers(NamedTuple):
    """Processes besides the main one, and the batches that each may be ahead (None without workers)."""

    number: int
    ahead: int | None


def choose_workers(
    seconds: float, *, batch_bytes: int, cores: int, start_method: str, room: int | None = None
) -> Workers:
    """The workers for an epoch that takes the main process alone this many seconds to read.

    None where starting them takes longer than they would save in a few epochs, or where there is but one core.
    batch_bytes: what travels through the shared memory, which has `room` for a number of batches; containers often
    give it 64 MB, and a worker that finds it full is killed.
    """
    number = min(cores, MOST)
    if number < 2 or seconds < 20 * START_SECONDS[start_method]:
        return Workers(0, None)
    if room is not None:
        number = min(number, room // (2 * (BATCHES_AHEAD + 1) * max(1, batch_bytes)))
    return Workers(number, BATCHES_AHEAD) if number else Workers(0, None)


def shared_memory_room() -> int | None:
    """The bytes free where workers leave their batches; None where the system has no such place."""
    return shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else None


def usable_cores() -> int:
    """The cores that this process may use: of its affinity, within its container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return cores
