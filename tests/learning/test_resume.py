"""A run that dies again and again ends where an undisturbed one ends, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

OVERRIDES = [
    "data.counts={train: 100, val: 6}",
    "data.batch_size=8",
    "data.transform.size=32",
    "encoder.channels=[8, 8, 8, 8]",
    "rnn.hidden_size=16",
    "attention=dot",
    "augmentation=colour",
    "model.dropout=0.3",
    "task.sampling_probability=0.5",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=6",
    "trainer.accumulate_grad_batches=2",
    "decoding.max_length=5",
    "callbacks.last.every_n_steps=1",
]


def train(folder: Path, *overrides: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "seqvision", "train", *overrides]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def last(folder: Path) -> Path:
    (checkpoint,) = folder.glob("runs/*/*/last.ckpt")
    return checkpoint


@pytest.mark.slow
def test_ten_deaths_change_nothing(tmp_path):
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    for folder in (calm, wild):
        folder.mkdir()
    finish(train(calm, *OVERRIDES))
    draw = random.Random(int(os.environ.get("PYTEST_SEED", "0")))
    process = train(wild, *OVERRIDES)
    steps = []
    for _ in range(10):
        _wait_for_progress(wild, process, writes=draw.randint(1, 3))
        time.sleep(draw.random() * 0.1)  # anywhere within a step, a validation or the writing of a checkpoint
        process.send_signal(signal.SIGKILL)
        process.communicate()
        steps.append(torch.load(last(wild), weights_only=True)["global_step"])  # whole and readable, always
        process = train(wild, f"resume={last(wild).parent}")
    finish(process)
    assert steps == sorted(steps)
    expected, found = (torch.load(last(f), weights_only=True) for f in (calm, wild))
    assert found["global_step"] == expected["global_step"] == 42
    for name, weight in expected["state_dict"].items():
        assert torch.equal(found["state_dict"][name], weight), name


def _wait_for_progress(folder: Path, process: subprocess.Popen, *, writes: int) -> None:
    """Until last.ckpt has been written that often by this process, or the process has ended."""
    begun, seen = time.time_ns(), set()
    while len(seen) < writes and process.poll() is None:
        assert time.time_ns() - begun < 120e9, "no progress in two minutes"
        for checkpoint in folder.glob("runs/*/*/last.ckpt"):
            written = checkpoint.stat().st_mtime_ns
            if written > begun:
                seen.add(written)
        time.sleep(0.002)
