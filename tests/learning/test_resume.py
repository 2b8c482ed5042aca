"""A run that dies again and again ends where an undisturbed one ends, bit for bit."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from training import SMALL, find, finish, train

OVERRIDES = [
    *SMALL,
    "augmentation=colour",
    "model.dropout=0.3",
    "task.sampling_probability=0.5",
    "trainer.max_epochs=6",
    "trainer.accumulate_grad_batches=2",
    "callbacks.last.every_n_steps=1",
]


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
        steps.append(torch.load(find(wild, "last.ckpt"), weights_only=True)["global_step"])  # always readable
        process = train(wild, f"resume={find(wild, 'last.ckpt').parent}")
    finish(process)
    assert steps == sorted(steps)
    expected, found = (torch.load(find(f, "last.ckpt"), weights_only=True) for f in (calm, wild))
    assert found["global_step"] == expected["global_step"] == 42
    for name, weight in expected["state_dict"].items():
        assert torch.equal(found["state_dict"][name], weight), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ["pattern=reading", "augmentation=jitter", "model.looks=2", "rnn.hidden_size=16"],
        ["pattern=painting", "model.steps=2", "rnn.hidden_size=16"],
    ],
    ids=["read", "painted"],
)
def test_looks_and_latents_are_drawn_again_as_they_were(tmp_path, overrides):
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    overrides = [*overrides, "trainer.max_epochs=4", "trainer=cpu", "callbacks.last.every_n_steps=3"]
    for folder in (calm, wild):
        folder.mkdir()
    finish(train(calm, *overrides))
    process = train(wild, *overrides)
    _wait_for_progress(wild, process, writes=2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finish(train(wild, f"resume={find(wild, 'last.ckpt').parent}"))
    expected, found = (torch.load(find(f, "last.ckpt"), weights_only=True) for f in (calm, wild))
    assert found["global_step"] == expected["global_step"]
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
