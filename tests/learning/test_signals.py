"""Signals in the middle of a validation: the status, a sentence, nobody left behind, and nothing lost."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interrupted import ended, expect_gone, expect_same, log, train

from seqvision.files import PART
from seqvision.sweeps import read_sweep

pytestmark = pytest.mark.slow
HELPERS = Path(__file__).parents[1] / "helpers"
SMALL = [
    *("pattern=labelling", "rnn.hidden_size=8", "data.counts={train: 12, val: 3, test: 3}", "data.batch_size=4"),
    *("trainer=cpu", "trainer.log_every_n_steps=1", "trainer.max_epochs=3"),
]
WORKERS = ["data.num_workers=2"]
SLOW = ["+callbacks.slow._target_=slow_validation.SlowValidation", "+callbacks.slow.mark=mark"]
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The folder of an undisturbed run, whose data two other processes read."""
    folder = tmp_path_factory.mktemp("calm")
    assert ended(train(folder, *SMALL, *WORKERS, f"hydra.run.dir={folder / 'run'}")) == 0, log(folder)
    return folder / "run"


def wait_for(mark: Path, process) -> None:
    """Until a validation has begun."""
    end = time.monotonic() + 120
    while not mark.exists():
        assert time.monotonic() < end, "no validation in two minutes"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("signum", "slow"),
    [
        (signal.SIGTERM, []),
        (signal.SIGINT, []),
        (signal.SIGUSR1, []),
        (signal.SIGTERM, ["+callbacks.slow.seconds=60", "+callbacks.slow.patience=0.5"]),
    ],
    ids=["SIGTERM", "SIGINT", "SIGUSR1", "SIGTERM in a validation that takes too long"],
)
def test_a_validation_whose_whole_group_is_signalled(tmp_path, calm, signum, slow):
    run = tmp_path / "run"
    process = train(tmp_path, *SMALL, *WORKERS, *SLOW, *slow, f"hydra.run.dir={run}")
    wait_for(tmp_path / "mark", process)
    os.killpg(process.pid, signum)  # as a terminal and a scheduler do: those that read data as well
    assert ended(process) == 128 + signum, log(tmp_path)
    expect_gone(process.pid)
    said = log(tmp_path).splitlines()[-1]
    assert said.startswith(f"seqvision: stopped by {signum.name}; ")
    assert ("within 0 s and will be repeated" in said) == bool(slow)
    assert "Traceback" not in log(tmp_path)
    command = shlex.split(said.partition("go on with: ")[2])
    assert command == ["seqvision", "train", "--trust", "slow_validation", f"resume={run}"]
    assert ended(train(tmp_path, *command[2:])) == 0, log(tmp_path)
    expect_same(calm, run)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(PART)]


def test_a_sweep_goes_on_within_the_trial(tmp_path):
    sweep = [*SMALL, *WORKERS, "sweep=grid", "sweep.space={rnn.hidden_size: [4, 8]}"]
    assert ended(train(tmp_path, *sweep, f"hydra.run.dir={tmp_path / 'calm'}")) == 0, log(tmp_path)
    process = train(tmp_path, *sweep, *SLOW, f"hydra.run.dir={tmp_path / 'wild'}")
    wait_for(tmp_path / "mark", process)
    os.killpg(process.pid, signal.SIGTERM)
    assert ended(process) == 143, log(tmp_path)
    expect_gone(process.pid)
    said = log(tmp_path).splitlines()[-1]
    assert said.startswith("seqvision: stopped by SIGTERM; go on with: ")
    command = shlex.split(said.partition("go on with: ")[2])
    assert ended(train(tmp_path, *command[2:])) == 0, log(tmp_path)
    calm, wild = (read_sweep(tmp_path / name) for name in ("calm", "wild"))
    assert [trial.state for trial in wild.trials] == ["finished"] * 2
    for one, other in zip(calm.trials, wild.trials, strict=True):
        assert one.score == other.score
        expect_same(one.folder, other.folder)


@pytest.mark.parametrize("whom", ["the first process", "the other process", "both"])
def test_two_processes_end_together(tmp_path, whom):
    def start(name: str, *overrides: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "seqvision", "train", *overrides]
        paths = os.pathsep.join(filter(None, [str(HELPERS), os.environ.get("PYTHONPATH")]))
        with open(tmp_path / f"{name}.log", "w") as file:
            return subprocess.Popen(
                command,
                cwd=tmp_path,
                stdout=file,
                stderr=file,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": paths},
            )

    process = start("wild", *SMALL, *TWO, *SLOW, "hydra.run.dir=wild")
    wait_for(tmp_path / "mark", process)
    if whom == "both":
        os.killpg(process.pid, signal.SIGINT)
    else:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(process.pid if whom == "the first process" else int(children[0]), signal.SIGTERM)
    status = process.wait(timeout=120)
    said = (tmp_path / "wild.log").read_text()
    assert status == (130 if whom == "both" else 143), said
    expect_gone(process.pid)
    assert "Traceback" not in said
    assert said.count("stopped by") == 1, "once for all"
    last = said.splitlines()[-1]
    assert "go on with: seqvision train" in last
    if whom == "the first process":
        command = shlex.split(last.partition("go on with: ")[2])
        again, calm = start("again", *command[2:]), start("calm", *SMALL, *TWO, "hydra.run.dir=calm")
        assert (again.wait(timeout=300), calm.wait(timeout=300)) == (0, 0), (tmp_path / "again.log").read_text()
        expect_same(tmp_path / "calm", tmp_path / "wild")
