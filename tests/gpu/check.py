"""The checks of `run.sh`, one after the other, and their table."""

import argparse
import contextlib
import logging
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

NO_GPU = (
    "no GPU that torch can use on this machine: nothing was checked (`seqvision doctor` says what there is). "
    "`tests/gpu/run.sh --device cpu` tries the script itself out."
)


class Row(NamedTuple):
    """A line of the table: what was checked, how it went, and a figure."""

    check: str
    result: str  # ok, FAILED, skipped, or a measurement's "-"
    figure: str


class Budget:
    """The time that is left."""

    def __init__(self, minutes: float):
        self.end = time.monotonic() + 60 * minutes

    @property
    def over(self) -> bool:
        return time.monotonic() > self.end


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="tests/gpu/run.sh", description=__doc__)
    options.add_argument("--device", default="auto", help="cuda, mps; cpu or pretend to try out the script itself")
    options.add_argument("--minutes", type=float, default=10.0, help="what is not begun by then is left out")
    options.add_argument("--output", type=Path, default=Path("gpu-report.md"), help="the table as Markdown")
    options.add_argument("--only", nargs="+", metavar="CHECK", help="only checks whose names begin so")
    given = options.parse_args(arguments)
    accelerators = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    name = given.device
    if name == "auto":
        name = next((each for each, there in accelerators.items() if there), "")
    if not name or not accelerators.get(name.partition(":")[0], True):
        print(NO_GPU)
        return 2
    warnings.simplefilter("ignore")
    logging.disable()
    with _pretended(name) as device, tempfile.TemporaryDirectory() as folder:
        rows = list(_checks(device, Path(folder), Budget(given.minutes), given.only))
    table = as_table(device, rows)
    given.output.write_text(table + "\n")
    print(f"\n{table}\n\nwritten to {given.output}")
    return 1 if any(row.result == "FAILED" for row in rows) else 0


@contextlib.contextmanager
def _pretended(name: str) -> Iterator[str]:
    """The device's name, with the pretended one where it was asked for."""
    if name != "pretend":
        yield name
        return
    from pretended_device import PretendedDevice
    from pretended_trainer import register

    with PretendedDevice() as device:
        register()
        yield device.name


def _checks(device: str, folder: Path, budget: Budget, only: list[str] | None) -> Iterator[Row]:
    from parts import CHECKS

    for check, function in CHECKS:
        if only and not any(check.startswith(each) for each in only):
            continue
        row = Row(check, "skipped", "no time left") if budget.over else _tried(check, function, device, folder)
        print(f"{row.check:45} {row.result:8} {row.figure}", flush=True)
        yield row


def _tried(check: str, function: Any, device: str, folder: Path) -> Row:
    """The row of one check; whatever goes wrong in it is its result."""
    place = folder / check.replace(" ", "_").replace(",", "").replace(":", "")
    place.mkdir()
    begun, before = time.monotonic(), Path.cwd()
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            os.chdir(place)
            passed, figure = function(device, place)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(str(error).split())[:160].replace("|", "/")
        return Row(check, "FAILED", f"{type(error).__name__}: {said} ({Path(where.filename).name}:{where.lineno})")
    finally:
        os.chdir(before)
    result = {True: "ok", False: "FAILED", None: "-"}[passed]
    return Row(check, result, f"{figure} ({time.monotonic() - begun:.0f} s)")


def as_table(device: str, rows: list[Row]) -> str:
    """The rows in Markdown, under a line about the machine."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    lines = [f"{name}, torch {torch.__version__}", "", "| check | result | figure |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.check} | {row.result} | {row.figure} |" for row in rows)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
