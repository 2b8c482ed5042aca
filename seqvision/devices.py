"""What differs from device to device: how wide numbers are, and how values get there without anyone waiting."""

import torch
from torch import Tensor, distributed

SHARES_MEMORY = ("cpu", "mps")  # with the host: there is nothing to copy beside the computation


def widest(device: torch.device) -> torch.dtype:
    """float64 on CPUs and CUDA; float32 elsewhere: Apple's MPS has nothing wider."""
    return torch.float64 if device.type in ("cpu", "cuda") else torch.float32


def widened(values: Tensor) -> Tensor:
    """The values in the widest type of their device."""
    return values.to(widest(values.device))


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """The values of the CPU on the device, by a copy that nothing waits for."""
    if device.type in SHARES_MEMORY:
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def over_processes(value: Tensor, operation: str = "sum") -> Tensor:
    """The sum ("max": the largest) of a value over all processes of a training; the value itself where there is one.

    Lightning's `strategy.reduce` puts a barrier before, in which every process waits for all others.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    total = value.clone()
    distributed.all_reduce(total, distributed.ReduceOp.SUM if operation == "sum" else distributed.ReduceOp.MAX)
    return total


def float32_digits(device: torch.device) -> str:
    """How a device computes with float32 numbers: "tf32" where NVIDIA's tensor cores leave out digits, else "exact"."""
    if device.type != "cuda" or torch.version.hip or torch.cuda.get_device_capability(device)[0] < 8:
        return "exact"
    shortened = torch.backends.cudnn.allow_tf32 or torch.get_float32_matmul_precision() != "highest"
    return "tf32" if shortened else "exact"
