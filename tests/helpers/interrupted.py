"""Trainings that tests interrupt, and the comparison of what they leave with an undisturbed one."""

import json
import multiprocessing
import os
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import torch

from seqvision.cli import main
from seqvision.inference.run_folder import read_curves


def expect_same(calm: Path, wild: Path) -> None:
    """The same weights, last and best, the same scores and the same curves."""
    for name in ("last.ckpt", "best.ckpt"):
        one, other = (torch.load(folder / name, weights_only=True) for folder in (calm, wild))
        assert one["global_step"] == other["global_step"], name
        assert all(torch.equal(other["state_dict"][key], weight) for key, weight in one["state_dict"].items()), name
    one, other = (json.loads((folder / "run.json").read_text()) for folder in (calm, wild))
    assert {key: one[key] for key in ("scores", "epochs", "steps")} == {
        key: other[key] for key in ("scores", "epochs", "steps")
    }
    curves = [{key: points for key, points in read_curves(run).items() if key != "seconds"} for run in (calm, wild)]
    assert curves[0].keys() == curves[1].keys()
    for key, points in curves[0].items():
        if key.startswith("val/"):
            assert curves[1][key] == points, key


def train(folder: Path, *overrides: str) -> ForkServerProcess:
    """A training in a process of its own, which need not import torch again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["seqvision.cli.train", "seqvision.callbacks", "seqvision.tasks", "hydra"])
    process = context.Process(target=_train, args=(folder, overrides))
    process.start()
    return process


def _train(folder: Path, overrides: tuple[str, ...]) -> None:
    os.setsid()  # a group of its own, with the processes that it starts
    os.chdir(folder)
    with open(folder / "log", "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["seqvision", "train", *overrides]
    sys.exit(main(["train", *overrides]))


def ended(process: ForkServerProcess) -> int:
    """The status of a process, once it has ended."""
    process.join(timeout=300)
    assert process.exitcode is not None
    return process.exitcode


def log(folder: Path) -> str:
    """What the last process wrote."""
    return (folder / "log").read_text()


def expect_gone(group: int, *, within: float = 15.0) -> None:
    """No process of the group is left after so many seconds: those that read data notice the death of their owner."""
    end = time.monotonic() + within
    while _members(group):
        assert time.monotonic() < end, f"processes are left: {_members(group)}"
        time.sleep(0.1)


def _members(group: int) -> list[str]:
    """The commands of the living processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, fields = stat.read_text().rpartition(")")
        except OSError:  # it has just ended
            continue
        state, _, of = fields.split()[:3]
        if int(of) == group and state != "Z":
            found.append(name)
    return found
