"""A `seqvision label` that was killed or failed is repeated by the same command, which does what is missing only."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from films import frame, write_film
from labellers import write_table

from seqvision.cli import main
from seqvision.files import PART


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time and contents of each file but the record."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "label.json"]
    return {file.relative_to(folder).as_posix(): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: data for name, (_, data) in state(folder).items()}


def killed_at(rename: int, arguments: list[str]) -> bool:
    """Whether a process of the command came to its n-th rename, at which it is gone without a word."""
    child = os.fork()
    if not child:
        kept, count = Path.replace, 0

        def replace(self: Path, target: Path) -> Path:
            nonlocal count
            count += 1
            if count == rename:
                os._exit(9)
            return kept(self, target)

        Path.replace = replace  # type: ignore[method-assign]
        try:
            main(arguments)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.slow
def test_killed_at_any_rename_the_same_command_ends_as_if_nothing_had_been(run, sensor, tmp_path):
    for place, name in enumerate(("a", "b")):
        write_table(tmp_path / "in" / f"{name}.csv", seed=place)

    def command(out: str) -> list[str]:
        return ["label", "--checkpoint", str(sensor), "--output", str(tmp_path / out), str(tmp_path / "in")]

    whole = run(*command("whole"))
    rename = 1
    while killed_at(rename, command(f"out{rename}")):
        out = tmp_path / f"out{rename}"
        before = state(out)
        again = run(*command(out.name))
        assert again == whole, f"killed at rename {rename}"
        assert contents(out) == contents(tmp_path / "whole")
        assert not list(out.rglob(f"{PART}*")), "what the killed process had begun is gone"
        record = json.loads((out / "label.json").read_text())
        for recording in ("a", "b"):
            done = [name for name in record["recordings"][recording]["files"] if name in before]
            if len(done) == 3:
                assert all(state(out)[name] == before[name] for name in done), "done once"
        rename += 1
    assert rename == 2 * (3 + 1 + 3) + 1, "drafts, record, files"


def test_what_failed_is_done_and_the_rest_is_left_as_it_is(run, sensor, tmp_path):
    good, bad, out = write_table(tmp_path / "good.csv"), tmp_path / "bad.csv", tmp_path / "out"
    bad.write_text("x,y\n1,two\n")
    command = ("label", "--checkpoint", sensor, "--output", out, good, bad)
    assert run(*command).status == 1
    before = state(out)
    write_table(bad, seed=3)
    assert run(*command).status == 0
    assert {name: state(out)[name] for name in before} == before
    assert len(state(out)) == 2 * len(before)
    for changed in (["--min-seconds", "0.5"], ["--formats", "frames"], ["--overwrite"]):
        times = state(out)["good.frames.csv"][0]
        assert run(*command, *changed).status == 0
        assert state(out)["good.frames.csv"][0] > times, f"{changed}: labelled again"
    times = state(out)["good.frames.csv"][0]
    write_table(good, seed=5)
    assert run(*command).status == 0
    assert state(out)["good.frames.csv"][0] > times, "another recording of the same name"


@pytest.mark.slow
def test_killed_at_any_time_all_files_come(films, tmp_path):
    for place in range(4):
        pictures = [frame((n * (place + 1)) % 30, 32, 24) for n in range(60)]
        write_film(tmp_path / "in" / f"{place}.mp4", pictures, rate=10)

    def start(out: str) -> subprocess.Popen:
        options = ["--video", "--clips", "--timeline", "--checkpoint", films, "--output", tmp_path / out]
        return subprocess.Popen([sys.executable, "-m", "seqvision", "label", *options, tmp_path / "in"])

    begun = time.time()
    assert start("whole").wait() == 0
    takes = time.time() - begun
    draws = random.Random(0)
    for attempt in range(4):
        process = start("out")
        time.sleep(draws.uniform(0.3, 0.9) * takes)
        process.send_signal(signal.SIGKILL if attempt % 2 else signal.SIGTERM)
        process.wait()
    assert start("out").wait() == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert len(contents(tmp_path / "out")) > 4 * 5
