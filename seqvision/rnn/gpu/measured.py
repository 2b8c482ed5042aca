"""Which way to compute a layer was the fastest on this GPU, as `seqvision doctor --benchmark` has measured it."""

import functools
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from seqvision.rnn.kernels.build import kernel_folder


class Problem(NamedTuple):
    """What the time of a layer depends on, the number of steps aside, which is a factor of all of them."""

    cell: str
    hidden_size: int
    batch: int
    training: bool


class Row(NamedTuple):
    """The milliseconds that each way took for a problem; those that could not compute it are left out."""

    problem: Problem
    milliseconds: dict[str, float]


def fastest(rows: Iterable[Row], problem: Problem) -> str | None:
    """The way that took the least time for the most similar measured problem; None where none is similar.

    Similar are those of the same cell and pass; among them the one with the nearest sizes, by their ratios.
    """
    alike = [row for row in rows if row.problem.cell == problem.cell and row.problem.training == problem.training]
    nearest = min(alike, key=lambda row: _distance(row.problem, problem), default=None)
    return None if nearest is None else min(nearest.milliseconds, key=nearest.milliseconds.__getitem__, default=None)


def _distance(one: Problem, other: Problem) -> float:
    return math.hypot(math.log(one.hidden_size / other.hidden_size), math.log(one.batch / other.batch))


def measure(
    problems: Iterable[Problem],
    ways: Callable[[Problem], dict[str, Callable[[], object]]],
    clock: Callable[[Callable[[], object]], float],
) -> list[Row]:
    """A row per problem. ways: from a problem to what runs it, by name; clock: the seconds that a run takes.

    A way that raises an error (too little memory, no compiler) is left out of its row.
    """
    rows = []
    for problem in problems:
        times = {}
        for name, run in ways(problem).items():
            try:
                times[name] = round(1e3 * clock(run), 4)
            except (RuntimeError, OSError):
                continue
        rows.append(Row(problem, times))
    return rows


def save(rows: list[Row], device: torch.device) -> Path:
    """The file, kept for this kind of GPU and this torch, that `measured` reads from then on."""
    file = _file(device)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    plain = [{**row.problem._asdict(), "milliseconds": row.milliseconds} for row in rows]
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps({"torch": torch.__version__, "rows": plain}, indent=1) + "\n")
    draft.replace(file)
    measured.cache_clear()
    return file


@functools.cache
def measured(device: torch.device) -> tuple[Row, ...]:
    """What was measured on this kind of GPU with this torch; nothing where nobody has, or the file is damaged."""
    try:
        found = json.loads(_file(device).read_text())
        return tuple(_row(entry) for entry in found["rows"]) if found["torch"] == torch.__version__ else ()
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _row(entry: dict[str, Any]) -> Row:
    problem = Problem(str(entry["cell"]), int(entry["hidden_size"]), int(entry["batch"]), bool(entry["training"]))
    if problem.hidden_size < 1 or problem.batch < 1:
        raise ValueError(f"a size below 1: {problem}")
    return Row(problem, {str(name): float(time) for name, time in entry["milliseconds"].items()})


def _file(device: torch.device) -> Path:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" and torch.cuda.is_available() else device.type
    return kernel_folder() / f"recurrence-{''.join(c if c.isalnum() else '-' for c in name)}.json"
