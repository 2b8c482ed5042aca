"""Nobody waits for help, nor long for one caption.

python -m pytest tests/benchmarks/test_start_up.py -s -o addopts=--import-mode=importlib
"""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from measuring import middle, record

SECONDS = {}


@pytest.fixture(scope="module", autouse=True)
def _kept():
    yield
    record("start_up", [{"command": command, "seconds": round(seconds, 2)} for command, seconds in SECONDS.items()])


def seconds(*arguments: str) -> float:
    """The median of seven starts in processes of their own, the first not counted."""
    times = []
    for _ in range(8):
        begin = time.perf_counter()
        subprocess.run([Path(sys.executable).with_name("seqvision"), *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return middle(times[1:])


def test_help():
    SECONDS["seqvision --help"] = seconds("--help")
    print(SECONDS)
    assert SECONDS["seqvision --help"] < 0.3


def test_one_caption(tiny_run, tiny_pictures):
    SECONDS["seqvision caption PICTURE"] = seconds("caption", "--checkpoint", str(tiny_run), str(tiny_pictures[0]))
    print(SECONDS)
    assert SECONDS["seqvision caption PICTURE"] < 5
