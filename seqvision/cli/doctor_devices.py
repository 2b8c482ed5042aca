"""What each accelerator of this machine can do, tried out: a product, bfloat16, Triton, two devices together."""

import os
import socket
from collections.abc import Callable
from typing import Any

SIZE = 256  # of the matrices that are multiplied


def try_devices() -> list[dict[str, Any]]:
    """For each accelerator its name and what was tried: whether it works, and a remark. Empty where there is none."""
    import torch

    found = [try_device(torch.device("cuda", number)) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(try_device(torch.device("mps")))
    if torch.cuda.device_count() > 1 and not torch.version.hip:
        tried = {"nccl": _tried(_try_nccl)}
        found.append({"device": "cuda:0 and cuda:1", "name": "together", "tried": tried})
    return found


def try_device(device: Any) -> dict[str, Any]:
    """The device's name, and what was tried on it."""
    import torch

    name, tried = device.type, {"product": _tried(_try_product, device), "bf16": _tried(_try_bfloat16, device)}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        name = f"{properties.name}, {properties.total_memory / 1e9:.0f} GB"
        tried["triton"] = _tried(_try_triton, device)
    return {"device": str(device), "name": name, "tried": tried}


def _tried(attempt: Callable[..., str], *arguments: Any) -> dict[str, Any]:
    """Whether an attempt works, and what it or its failure says."""
    try:
        return {"works": True, "remark": attempt(*arguments)}
    except Exception as error:  # of a driver, a compiler, a missing library: whatever it is, it is the answer
        return {"works": False, "remark": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}


def _product(device: Any, dtype: Any) -> float:
    """The largest error of a product on the device, relative to the largest entry."""
    import torch

    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIZE, SIZE, generator=generator) for _ in range(2))
    expected = a.double() @ b.double()
    found = (a.to(device, dtype) @ b.to(device, dtype)).cpu().double()
    return float((found - expected).abs().max() / expected.abs().max())


def _try_product(device: Any) -> str:
    import torch

    error = _product(device, torch.float32)
    if error > 1e-2:
        raise ArithmeticError(f"a product of float32 matrices is wrong by {error:.1e} of its largest entry")
    return f"float32 product right to {error:.0e}"


def _try_bfloat16(device: Any) -> str:
    import torch

    from seqvision.cli.trainer import computes_in_bfloat16

    error = _product(device, torch.bfloat16)
    if error > 0.1:
        raise ArithmeticError(f"a product of bfloat16 matrices is wrong by {error:.1e} of its largest entry")
    if device.type == "cuda" and not computes_in_bfloat16(device):
        return "emulated, slow: trainer=gpu takes float16"
    return "yes"


def _try_triton(device: Any) -> str:
    """The project's own kernel against the loop, at a small size."""
    import torch

    from seqvision.rnn import LayerNormElmanCell, Recurrent

    torch.manual_seed(0)
    network = Recurrent(LayerNormElmanCell, 8, 16, backend="fused").to(device)
    x = torch.randn(2, 3, 8, device=device)
    found = network(x)[0]
    network.backend = "reference"
    error = float((found - network(x)[0]).abs().max())
    if error > 1e-2:
        raise ArithmeticError(f"the recurrence's kernel is wrong by {error:.1e}")
    return "compiles and is right"


def _try_nccl() -> str:
    import torch

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_sum_together, args=(port, "nccl"), nprocs=2)
    return "two devices add up"


def _sum_together(rank: int, port: int, backend: str) -> None:
    import torch
    from torch import distributed

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    distributed.init_process_group(backend, rank=rank, world_size=2)
    try:
        device = torch.device("cuda", rank) if backend == "nccl" else torch.device("cpu")
        total = torch.full((), rank + 1, device=device)
        distributed.all_reduce(total)
        if int(total) != 3:
            raise ArithmeticError(f"1 and 2 of two devices came to {int(total)}")
    finally:
        distributed.destroy_process_group()


def lines(found: list[dict[str, Any]]) -> list[str]:
    """What was tried, for people."""
    told = []
    for each in found:
        told.append(f"  {each['device']:<18} {each['name']}")
        for what, result in each["tried"].items():
            told.append(f"    {what:<16} {'works' if result['works'] else 'FAILS'}: {result['remark']}")
    return told
