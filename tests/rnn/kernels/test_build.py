"""Compiled once, wherever that is possible, and done without where it is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqvision.rnn.kernels.build import compiler, load

RUN = """
import torch
from seqvision.rnn import LayerNormElmanCell, Recurrent
torch.manual_seed(0)
network, x = Recurrent(LayerNormElmanCell, 3, 8), torch.randn(2, 5, 3)
network(x), network(x)
print(float(network(x)[0].detach().sum()))
"""
needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C++ compiler on this machine")


def start(folder: Path, **variables: str) -> subprocess.Popen:
    """A process of its own that runs a network, with an empty folder for what it compiles."""
    environment = {**os.environ, "SEQVISION_KERNELS": str(folder), "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        [sys.executable, "-c", RUN], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen) -> tuple[float, list[str]]:
    """What it printed: the sum of the outputs, and its messages."""
    out, messages = process.communicate(timeout=300)
    assert process.returncode == 0, messages
    return float(out), messages.splitlines()


@pytest.mark.slow
def test_without_a_compiler_everything_works_and_one_line_says_what_is_lost(tmp_path):
    out, messages = finish(start(tmp_path, PATH="", CXX=""))
    assert len(messages) == 1
    assert "plain loop, slower: no C++ compiler" in messages[0]
    assert not list(tmp_path.iterdir())
    if load("elman") is None:
        fast, _ = finish(start(tmp_path / "..", SEQVISION_KERNELS=os.environ.get("SEQVISION_KERNELS", "")))
        assert out == pytest.approx(fast, abs=1e-5)


@pytest.mark.slow
def test_a_compiler_that_fails_is_named_with_its_first_error(tmp_path):
    wrong = tmp_path / "c++"
    wrong.write_text("#!/bin/sh\necho 'elman.cpp:1:1: fatal error: no such header' >&2\nexit 1\n")
    wrong.chmod(0o755)
    _, messages = finish(start(tmp_path / "kernels", CXX=str(wrong)))
    assert f"the compiler {wrong} failed: elman.cpp:1:1: fatal error: no such header" in messages[-1]
    assert not list((tmp_path / "kernels").glob("*.so"))


@needs_compiler
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    _, messages = finish(start(tmp_path / "file" / "kernels"))
    assert len(messages) == 1
    assert str(tmp_path / "file") in messages[0]


@pytest.mark.slow
@needs_compiler
def test_of_two_that_need_it_at_once_one_compiles_and_the_next_need_not(tmp_path):
    pair = [start(tmp_path), start(tmp_path)]
    (first, messages), (second, more) = map(finish, pair)
    assert first == second
    assert sum("compiling" in line for line in [*messages, *more]) == 1
    assert len(list(tmp_path.glob("*.so"))) == 1
    third, messages = finish(start(tmp_path, PATH="", CXX=""))
    assert third == first
    assert messages == []


@pytest.mark.slow
@needs_compiler
def test_a_library_that_does_not_load_is_made_again(tmp_path):
    finish(start(tmp_path))
    (library,) = tmp_path.glob("*.so")
    library.write_bytes(b"of another system")
    _, messages = finish(start(tmp_path))
    assert any("compiled in" in line for line in messages)
