"""The script for machines with a GPU says so where there is none, and its checks run on the pretended device."""

import subprocess
from pathlib import Path

import pytest
import torch

RUN = Path(__file__).parent / "run.sh"


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_ends_with_a_sentence(tmp_path):
    done = subprocess.run([RUN], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout.startswith("no GPU that torch can use on this machine")
    assert not done.stderr


@pytest.mark.slow
def test_its_checks_run_on_the_pretended_device(tmp_path):
    only = ["numbers: LayerNormElmanCell", "numbers: classification", "resume: classification"]
    command = [RUN, "--device", "pretend", "--output", tmp_path / "report.md", "--only", *only]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    table = (tmp_path / "report.md").read_text()
    assert table.count("| ok |") == 4, table  # one of classification is in both directions
