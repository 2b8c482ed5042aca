"""Times that can be compared: taken in turns, so that a busy machine slows all alike."""

import gc
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import quantiles
from typing import Any

import torch

PAGE = os.sysconf("SC_PAGE_SIZE")
RECORDS = Path(__file__).resolve().parents[2] / "results" / "benchmarks"


def interleaved(
    runs: Mapping[str, Callable[[], object]],
    rounds: int = 9,
    warmup: int = 2,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """The seconds of every round of each run, after the warm-up. No garbage is collected meanwhile."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds + warmup):
            for name, run in runs.items():
                begin = clock()
                run()
                if turn >= warmup:
                    times[name].append(clock() - begin)
    finally:
        gc.enable()
    return times


def middle(times: list[float]) -> float:
    """The median."""
    return sorted(times)[len(times) // 2] if len(times) % 2 else sum(sorted(times)[len(times) // 2 - 1 :][:2]) / 2


def ratio(times: Mapping[str, list[float]], over: str, under: str) -> dict[str, float]:
    """The median over the rounds of one run's time over another's in the same round, and the quartiles."""
    low, median, high = quantiles([a / b for a, b in zip(times[over], times[under], strict=True)], n=4)
    return {"median": round(median, 3), "low": round(low, 3), "high": round(high, 3)}


def products(x: torch.Tensor, hidden: int, *, backward: bool) -> Callable[[], None]:
    """The limit of a recurrence: the matrix products that it cannot do without, into memory that is already there."""
    batch, steps, inputs = x.shape
    x = torch.randn_like(x.detach()).reshape(-1, inputs)
    w_in, w = torch.randn(hidden, inputs).to(x), torch.randn(hidden, hidden).to(x)
    d, state = torch.randn(len(x), hidden).to(x), torch.randn(batch, hidden).to(x)
    sums, d_x, d_w_in, d_w = torch.empty_like(d), torch.empty_like(x), torch.empty_like(w_in), torch.empty_like(w)
    by_step = sums.view(steps, batch, hidden).unbind(0)

    @torch.no_grad()
    def run() -> None:
        torch.mm(x, w_in.t(), out=sums)
        for step in by_step:
            torch.addmm(step, state, w.t(), out=step)
        if backward:
            for step in by_step:
                torch.mm(state, w, out=step)
            torch.mm(d.t(), d, out=d_w)
            torch.mm(d.t(), x, out=d_w_in)
            torch.mm(d, w_in, out=d_x)

    return run


def peak_of(step: Callable[[], object], rounds: int = 3) -> float:
    """The most memory in MiB that was in use during a step beyond what was in use before."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

    def watch() -> None:
        nonlocal most
        while running:
            most = max(most, resident())

    before, most, running = resident(), 0, True
    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(rounds):
        step()
    running = False
    watcher.join()
    return (most - before) / 2**20


def peak_memory(script: str, *arguments: object) -> float:
    """What a script prints, `print(peak_of(step))` its last line, in a process of its own: MiB."""
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (here, here.parent / "benchmarks")))}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return round(float(subprocess.check_output(command, env=environment, text=True)), 1)


def record(name: str, rows: list[dict[str, Any]]) -> None:
    """Keeps a benchmark's rows with the machine they were measured on; `make benchmark` draws its tables from these."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    machine = {
        "threads": torch.get_num_threads(),
        "cpu": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
    text = json.dumps({"machine": machine, "rows": rows}, indent=1)
    (RECORDS / f"{name}.json").write_text(text + "\n")
