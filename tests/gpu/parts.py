"""What is checked on an accelerator: each function takes the device and an empty folder, and gives whether all is well
(None for a mere measurement) and a figure.
"""

import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from device_runs import RUNS, SKIPPED, settings
from host_draws import HostDraws
from pretended_device import NAME
from pretended_trainer import ON_DEVICE
from small_patterns import some

from seqvision.cli import main
from seqvision.cli.build import build
from seqvision.cli.config import check_overrides, plain
from seqvision.cli.train import fit
from seqvision.inference.checkpoint_file import read_checkpoint
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, Recurrent

Outcome = tuple[bool | None, str]
CELLS = (ElmanCell, LayerNormElmanCell, LSTMCell, LayerNormLSTMCell, GRUCell)
TOLERANCE = 1e-3  # of gradients, by their norms: float32 sums in another order, TF32 being off
STEPS = 4


def same_recurrence(cell: Any, device: str, folder: Path) -> Outcome:
    """Outputs and gradients of ragged sequences, both ways and in two layers, against the CPU's in double precision."""
    torch.manual_seed(0)
    network = Recurrent(cell, 20, 48, num_layers=2, bidirectional=True).double()
    x, lengths = torch.randn(5, 11, 20).double(), torch.tensor([11, 3, 7, 1, 5])
    results = []
    for place, kind in (("cpu", torch.float64), (device, torch.float32)):
        network = network.to(place, kind)
        network.zero_grad()
        here = x.detach().to(place, kind).clone().requires_grad_()
        network(here, lengths.to(place))[0].square().sum().backward()
        results.append([here.grad, *(parameter.grad for parameter in network.parameters())])
    error = max(map(_relative, *results))
    return error < TOLERANCE, f"gradients differ by {error:.0e}"


def same_task(chosen: list[str], device: str, folder: Path) -> Outcome:
    """A batch's loss and gradients against the CPU's, from the same weights and random numbers."""
    task, batch = _task(chosen, folder)
    results = []
    for place in ("cpu", device):
        task.to(place)
        task.zero_grad()
        _without_trainer(task)
        torch.manual_seed(3)
        with HostDraws():
            loss, count = task.loss(batch.to(place))
        (loss / count).backward()
        grads = [parameter.grad for parameter in task.model.parameters() if parameter.grad is not None]
        results.append([loss.detach() / count, *(grad.detach().clone() for grad in grads)])
    error = _relative(*(torch.cat([part.cpu().double().flatten() for part in each]) for each in results))
    return error < TOLERANCE, f"loss and gradients differ by {error:.0e}"


def whole_run(chosen: list[str], device: str, folder: Path) -> Outcome:
    """Training, validation with decoding, evaluation by the command line."""
    fit(_config(chosen, device, folder), command="")
    status = main(["evaluate", "--checkpoint", str(folder / "run"), "--split", "val", "--device", device])
    return status == 0, "trained and evaluated"


def resumed_run(chosen: list[str], device: str, folder: Path) -> Outcome:
    """Two epochs at once, and one after the other, end with the same weights."""
    whole_epochs = ["scheduler=constant", f"++data.take={{train: {4 * (SKIPPED + STEPS + 1)}}}"]
    ends = []
    for parts in ([2], [1, 2]):
        place = folder / f"in_{len(parts)}"
        place.mkdir()
        for number, epochs in enumerate(parts):
            more = [f"resume={place / 'run' / 'last.ckpt'}"] if number else []
            fit(_config(chosen, device, place, *whole_epochs, f"trainer.max_epochs={epochs}", *more), command="")
        ends.append(read_checkpoint(place / "run" / "last.ckpt")["state_dict"])
    same = all(ends[0][name].equal(value) for name, value in ends[1].items())
    error = max(_relative(ends[0][name], value) for name, value in ends[1].items() if value.is_floating_point())
    return same or error < 1e-5, "bit for bit" if same else f"weights differ by {error:.0e}"


def two_devices(device: str, folder: Path) -> Outcome:
    """Two processes train as one does with the same global batch."""
    kind = device.partition(":")[0]
    if kind not in ("cuda", "cpu") or (kind == "cuda" and torch.cuda.device_count() < 2):
        return None, "one device"
    ends, rates = [], []
    for name, more in (("one", ["trainer.devices=1"]), ("two", ["trainer=ddp", "trainer.devices=2"])):
        run = settings(["pattern=classification"], folder, steps=STEPS)
        run = [each for each in run if not each.startswith("run_dir=")]
        where = [f"trainer.accelerator={'gpu' if kind == 'cuda' else 'cpu'}", f"hydra.run.dir={folder / name}"]
        begun = time.monotonic()
        command = [sys.executable, "-W", "ignore", "-m", "seqvision", "train", *run, *more, *where]
        subprocess.run(command, check=True, capture_output=True)
        rates.append(time.monotonic() - begun)
        ends.append(read_checkpoint(folder / name / "last.ckpt")["state_dict"])
    error = max(_relative(ends[0][name], value) for name, value in ends[1].items() if value.is_floating_point())
    return error < TOLERANCE, f"weights differ by {error:.0e}; {rates[0]:.0f} s alone, {rates[1]:.0f} s together"


def mixed_precision(chosen: list[str], device: str, folder: Path) -> Outcome:
    """A batch's loss in bfloat16 against float32's."""
    if device.startswith(NAME):
        return None, "the pretended device has no mixed precision"
    task, batch = _task(chosen, folder)
    task.to(device)
    losses = []
    for enabled in (False, True):
        _without_trainer(task)
        torch.manual_seed(3)
        with HostDraws(), torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=enabled):
            loss, count = task.loss(batch.to(device))
        losses.append(float(loss.detach()) / float(count))
    error = abs(losses[1] - losses[0]) / abs(losses[0])
    return error < 0.02, f"loss differs by {error:.1%}"


def speed(chosen: list[str], device: str, folder: Path) -> Outcome:
    """Training steps a second on the device and on the CPU, and how often torch says that a step waited."""
    task, batch = _task(chosen, folder)
    rates = {}
    for place in ("cpu", device):
        task.to(place)
        here = batch.to(place)
        optimizer = task.new_optimizer()
        step = partial(_step, task, here, optimizer)
        step()
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() - begun < 1.0 or steps < 3:
            step()
            steps += 1
        _wait(place)
        rates[place] = steps / (time.perf_counter() - begun)
    waits = f", {_waits(step)} waits a step" if device.startswith("cuda") else ""
    return None, f"{rates[device]:.1f} steps a second, {rates['cpu']:.1f} on the CPU{waits}"


def recurrence_speed(cell: Any, device: str, folder: Path) -> Outcome:
    """Forward and backward of one layer, by each way of computing it: milliseconds."""
    torch.manual_seed(0)
    told = []
    x = torch.randn(32, 64, 128).to(device)
    for backend in ("auto", "reference"):
        network = Recurrent(cell, 128, 256, backend=backend).to(device)
        times = []
        for _ in range(5):
            _wait(device)
            begun = time.perf_counter()
            network(x)[0].sum().backward()
            _wait(device)
            times.append(time.perf_counter() - begun)
        told.append(f"{backend} {1000 * sorted(times)[2]:.1f} ms")
    return None, ", ".join(told)


def _step(task: Any, batch: Any, optimizer: Any) -> None:
    _without_trainer(task)
    optimizer.zero_grad()

    def closure() -> Any:
        loss, count = task.loss(batch)
        (loss / count).backward()
        return loss.detach()

    optimizer.step(closure)


def _waits(step: Callable[[], None]) -> int:
    """How often torch says that the host waited for CUDA in one call."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing CUDA operation" in str(each.message) for each in said)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device.startswith("mps"):
        torch.mps.synchronize()


def _task(chosen: list[str], folder: Path) -> tuple[Any, Any]:
    """The task on the CPU, and its first batch."""
    config = check_overrides([*settings(chosen, folder, steps=STEPS), "trainer.accelerator=cpu"], config_name="train")
    task, data = build(config, plain(config), torch.device("cpu"))
    task.train()
    return task, some(data, 4)


def _without_trainer(task: Any) -> None:
    """What a task asks of a trainer, as in the middle of a training."""
    from types import SimpleNamespace

    middle = {"global_step": 5, "estimated_stepping_batches": 10, "training": False, "world_size": 1}
    task._trainer = SimpleNamespace(**middle, is_global_zero=True)


def _config(chosen: list[str], device: str, folder: Path, *more: str) -> Any:
    kind = device.partition(":")[0]
    where = {"cuda": ["trainer.accelerator=gpu"], NAME: ON_DEVICE}.get(kind, [f"trainer.accelerator={kind}"])
    return check_overrides([*settings(chosen, folder, steps=STEPS), *where, *more], config_name="train")


def _relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The norm of the difference over that of what is expected."""
    found, expected = found.detach().cpu().double(), expected.detach().cpu().double()
    return float((found - expected).norm() / expected.norm().clamp(min=1e-12))


WHOLE = ("captioning", "self-critical", "classification", "labelling", "translation", "reading, RAM", "painting, DRAW")

CHECKS: list[tuple[str, Callable[[str, Path], Outcome]]] = [
    *((f"numbers: {cell.__name__}", partial(same_recurrence, cell)) for cell in CELLS),
    *((f"numbers: {name}", partial(same_task, chosen)) for name, chosen in RUNS.items()),
    *((f"run: {name}", partial(whole_run, RUNS[name])) for name in WHOLE),
    *((f"bf16: {name}", partial(mixed_precision, RUNS[name])) for name in WHOLE),
    *((f"resume: {name}", partial(resumed_run, RUNS[name])) for name in WHOLE[::2]),
    ("two devices", two_devices),
    *((f"speed: {name}", partial(speed, RUNS[name])) for name in WHOLE),
    *((f"speed: {cell.__name__}", partial(recurrence_speed, cell)) for cell in CELLS),
]
