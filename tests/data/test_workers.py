"""Workers where they help: not for what is soon read, not on one core, not into a shared memory that is too small."""

from pathlib import Path

import pytest

from seqvision.data.workers import MOST, Workers, choose_workers, usable_cores

PLENTY = {"batch_bytes": 1_000_000, "cores": 8, "start_method": "fork", "room": 1 << 34}


@pytest.mark.parametrize(
    ("seconds", "changes", "number"),
    [
        (60.0, {}, 8),
        (60.0, {"cores": 100}, MOST),
        (60.0, {"cores": 1}, 0),
        (60.0, {"room": None}, 8),  # no such place: not Linux
        (1.0, {}, 0),  # sooner read than started
        (60.0, {"start_method": "spawn"}, 0),  # each imports torch first
        (600.0, {"start_method": "spawn"}, 8),
        (600.0, {"start_method": "forkserver"}, 8),
        (60.0, {"room": 64 << 20}, 8),
        (60.0, {"room": 64 << 20, "batch_bytes": 3 * 224 * 224 * 64}, 1),  # a container's usual 64 MB
        (60.0, {"room": 64 << 20, "batch_bytes": 3 * 224 * 224 * 256}, 0),
    ],
)
def test_the_number_follows_the_machine_and_the_data(seconds, changes, number):
    assert choose_workers(seconds, **{**PLENTY, **changes}) == Workers(number, 2 if number else None)


@pytest.mark.parametrize(("quota", "cores"), [("150000 100000", 2), ("max 100000", 64), ("50000 100000", 1)])
def test_a_containers_quota_counts(quota, cores, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda _: quota)
    assert usable_cores() == cores
