"""Runs that are killed, told to stop and queued again, at random moments, end where undisturbed ones end, bit for bit.

`INTERRUPTIONS=60 pytest tests/learning/test_interruptions.py` interrupts 60 times, spread over the patterns: two in
three by SIGKILL, the others by SIGTERM or by SIGKILL and the same command once more, as a scheduler does.
"""

import contextlib
import os
import random
import shlex
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import torch
from interrupted import ended, expect_same, log, train

from seqvision.files import PART

NUMBER = int(os.environ.get("INTERRUPTIONS", "12"))
SEED = int(os.environ.get("PYTEST_SEED", "0"))
LONG = ("trainer=cpu", "trainer.log_every_n_steps=1", "trainer.max_epochs=6", "callbacks.last.every_n_steps=2")
PATTERNS = {
    "captioning": (
        *("data.counts={train: 48, val: 6}", "data.batch_size=8", "data.transform.size=16", "attention=dot"),
        *("encoder.channels=[4, 4, 4, 4]", "rnn.hidden_size=8", "decoding.max_length=5", "model.dropout=0.3"),
        *("augmentation=colour", "trainer.accumulate_grad_batches=2"),
    ),
    "classification": (
        *("rnn.hidden_size=8", "data.take={train: 128, val: 16}", "data.batch_size=16"),
        "trainer.limit_train_batches=5",
    ),
    "labelling": ("rnn.hidden_size=8", "data.counts={train: 12, val: 3, test: 3}", "data.batch_size=2"),
    "translation": ("rnn.hidden_size=8", "data.sizes={train: 64, val: 8, test: 8}", "data.batch_size=8"),
    "reading": ("rnn.hidden_size=8", "model.looks=2", "data.take={train: 64, val: 16}", "data.batch_size=8"),
    "painting": ("rnn.hidden_size=8", "model.steps=2", "data.take={train: 64, val: 16}", "data.batch_size=8"),
}
KINDS = ("kill", "kill", "terminate", "kill", "kill", "queue again")


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_interruptions_change_nothing(tmp_path, pattern):
    command = [f"pattern={pattern}", *PATTERNS[pattern], *LONG]
    calm, wild = tmp_path / "calm", tmp_path / "a run = [1, 'ä']"
    assert ended(train(tmp_path, *command, f"hydra.run.dir={calm}")) == 0
    draw = random.Random(f"{SEED} {pattern}")
    steps, again = [0], [*command, f"hydra.run.dir={wild}"]
    for number in range(NUMBER // len(PATTERNS)):
        kind = KINDS[(number + list(PATTERNS).index(pattern)) % len(KINDS)]
        process = train(tmp_path, *again)
        wait_for_progress(wild, process, writes=draw.randint(0, 3))
        time.sleep(draw.random() * 0.2)  # anywhere: within a step, a validation, the writing of a checkpoint
        assert process.pid is not None
        with contextlib.suppress(ProcessLookupError):  # it has come to its end
            os.kill(process.pid, signal.SIGTERM if kind == "terminate" else signal.SIGKILL)
        status = ended(process)
        signals = (143, -signal.SIGTERM) if kind == "terminate" else (-signal.SIGKILL,)  # -15: before Python listened
        assert status in (*signals, 0), log(tmp_path)
        has_last = (wild / "last.ckpt").is_file()
        if status == 143:
            hint = f"go on with: {shlex.join(['seqvision', 'train', f'resume={wild}'])}"
            assert hint in log(tmp_path) or "repeat the command" in log(tmp_path)
        if has_last:
            steps.append(torch.load(wild / "last.ckpt", weights_only=True)["global_step"])  # always readable
        queued = kind == "queue again" or not has_last
        again = [*command, f"hydra.run.dir={wild}"] if queued else [f"resume={wild}"]
    assert ended(train(tmp_path, *again)) == 0, log(tmp_path)
    assert steps == sorted(steps), "nothing was begun anew"
    expect_same(calm, wild)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(PART)]


def wait_for_progress(run: Path, process: ForkServerProcess, *, writes: int) -> None:
    """Until last.ckpt has been written that often by this process, or the process has ended."""
    begun, seen = time.time_ns(), set()
    while len(seen) < writes and process.is_alive():
        assert time.time_ns() - begun < 300e9, "no progress in five minutes"
        if (run / "last.ckpt").exists() and (written := (run / "last.ckpt").stat().st_mtime_ns) > begun:
            seen.add(written)
        time.sleep(0.002)
