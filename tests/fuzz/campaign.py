"""Reads damaged files in processes of their own, each input under limits of time and memory.

    python tests/fuzz/campaign.py --count 20000 --log fuzz.log      goes on where the log ends
    python tests/fuzz/campaign.py --input NAME 17 --keep folder     one input again, its files kept

A result and a `UserError` are right; any other exception, an end of the process, more than five seconds of processor
time or more than 1 GiB of further memory is a finding.
"""

import argparse
import contextlib
import faulthandler
import io
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "helpers"), str(HERE.parent.parent)]
SECONDS, MEMORY = 5, 1 << 30
INPUTS_EACH = 400  # inputs of a process: memory that a library keeps shall not add up


class TooLong(BaseException):
    """No handler of the code under test takes it for its own."""


def files_of(target: str, number: int) -> dict[str, bytes]:
    """The files of an input: those of the target, one or two of them damaged by the input's own seed."""
    from mutations import mutated
    from targets import TARGETS

    dice = Random(f"{target} {number}")
    files = dict(TARGETS[target].files())
    mutable = sorted(name for name in files if TARGETS[target].mutable(name))
    for name in dice.sample(mutable, min(len(mutable), dice.choice((1, 1, 1, 2)))):
        files[name] = mutated(name, files[name], dice)
    return files


def attempt(target: str, files: dict[str, bytes], folder: Path, *, seconds: float = SECONDS) -> str:
    """What reading the files ended in: "result", the text of a UserError, or a traceback that begins with "!"."""
    from targets import TARGETS

    from seqvision.errors import UserError

    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    out = io.StringIO()
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            TARGETS[target].read(folder)
        return "result"
    except UserError as error:
        return f"UserError: {error}" if str(error).strip() else "!an empty message"
    except BaseException:  # whatever it is, it is the finding
        signal.setitimer(signal.ITIMER_PROF, 0)
        return f"!{traceback.format_exc(limit=-12)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def work(inputs: Sequence[tuple[str, int]]) -> None:
    """Reads inputs one by one, and prints what became of each as a line of JSON."""

    def stop(*_: Any) -> None:
        raise TooLong(f"more than {SECONDS} s of processor time")

    signal.signal(signal.SIGPROF, stop)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import torch
    from targets import TARGETS

    torch.set_num_threads(1)
    for target in {name for name, _ in inputs}:  # imports what is needed, and shows that the files are valid
        with tempfile.TemporaryDirectory() as folder:
            found = attempt(target, TARGETS[target].files(), Path(folder), seconds=100)
            assert found == "result", f"{target}: {found}"
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, in_use + MEMORY))
    for target, number in inputs:
        print(json.dumps({"begun": [target, number]}), flush=True)
        files = files_of(target, number)
        with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
            print(json.dumps({"ended": [target, number], "as": attempt(target, files, Path(folder))}), flush=True)


def results(inputs: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int, str]]:
    """(target, number, what became of it) of every input; a process that ends is a finding, and another goes on."""
    waiting = list(inputs)
    while waiting:
        part = waiting[:INPUTS_EACH]
        command = [sys.executable, str(HERE / "campaign.py"), "--work", json.dumps(part)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        begun = None
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                found = json.loads(line)
                if "begun" in found:
                    begun = tuple(found["begun"])
                else:
                    yield (*found["ended"], found["as"])
                    waiting.pop(0)
                    begun = None
            process.wait()
            errors.seek(0)
            said = errors.read()
        if begun is not None:
            yield (*begun, f"!the process ended with {process.returncode}: {said[-2000:]}")
            waiting.pop(0)
        elif process.returncode:
            raise RuntimeError(said)


def spread(count: int, only: str = "", first: int = 0) -> list[tuple[str, int]]:
    """That many inputs over all targets, those of a target together so that a process imports little."""
    from targets import TARGETS

    names = [name for name in TARGETS if only in name]
    return [(name, number) for name in names for number in range(first, first + -(-count // len(names)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first input of each target")
    parser.add_argument("--only", default="", help="targets with this in their name")
    parser.add_argument("--log", type=Path, default=Path("fuzz.log"))
    parser.add_argument("--input", nargs=2, metavar=("TARGET", "NUMBER"))
    parser.add_argument("--keep", type=Path, help="a folder for the files of --input")
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work([(target, number) for target, number in given.work])
        return 0
    if given.input:
        target, number = given.input[0], int(given.input[1])
        folder = given.keep or Path(tempfile.mkdtemp())
        print(attempt(target, files_of(target, number), folder), f"\nfiles: {folder}")
        return 0
    done = (
        {tuple(json.loads(line)[:2]) for line in given.log.read_text().splitlines()} if given.log.is_file() else set()
    )
    findings = 0
    with open(given.log, "a") as log:
        for result in results([each for each in spread(given.count, given.only, given.first) if each not in done]):
            print(json.dumps(result), file=log, flush=True)
            if result[2].startswith("!"):
                findings += 1
                print(f"{result[0]} {result[1]}: {result[2][-600:]}\n", flush=True)
    print(f"{findings} findings")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
