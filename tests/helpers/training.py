"""Starts `seqvision train` as a person does, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqvision.cli import main

SMALL = [
    "data.counts={train: 100, val: 6}",
    "data.batch_size=8",
    "data.transform.size=32",
    "encoder.channels=[8, 8, 8, 8]",
    "rnn.hidden_size=16",
    "attention=dot",
    "trainer.accelerator=cpu",
    "decoding.max_length=5",
]


def train(folder: Path, *overrides: str) -> subprocess.Popen:
    """A training process in that folder."""
    command = [sys.executable, "-m", "seqvision", "train", *overrides]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def train_here(folder: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> int:
    """The status of one epoch on a few pictures, in that folder and in this process."""
    monkeypatch.chdir(folder)
    return main(["train", *SMALL, "data.counts={train: 16, val: 4}", "trainer.max_epochs=1", *overrides])


def finish(process: subprocess.Popen) -> str:
    """What the process printed, once it has ended well."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def find(folder: Path, name: str) -> Path:
    """The only file of that name in the only run of the folder."""
    (file,) = folder.glob(f"runs/*/*/{name}")
    return file


def record(folder: Path) -> dict[str, Any]:
    """The run's record."""
    return json.loads(find(folder, "run.json").read_text())
