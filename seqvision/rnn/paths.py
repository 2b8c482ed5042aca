"""Which way of computing a layer is taken: the one place where that is decided."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from seqvision.errors import UserError
from seqvision.rnn import kernels, torch_layers
from seqvision.rnn.cells import Cell, State
from seqvision.rnn.gpu import attend, loop, measured

Backend = Literal["auto", "reference", "fused"]
Layer: TypeAlias = Callable[..., tuple[Tensor, State]]  # (cell, x, lengths, state or None, reverse=) -> outputs, last


def layer_for(cell: Cell, x: Tensor, lengths: Tensor | None, backend: Backend) -> Layer | None:
    """What computes the cell over all steps of such inputs; None for the reference loop. Raises UserError where
    `backend` is "fused" and only that loop can.
    """
    if backend == "reference":
        return None
    insist = backend == "fused"
    found = _on_cpu(cell, x, lengths, insist) if x.is_cpu else _on_gpu(cell, x, insist)
    if found is None and insist:
        raise UserError(
            f"rnn.backend=fused: there is no fused layer for {type(cell).__name__} on {x.device.type} here; "
            "use rnn.backend=auto, which takes the reference loop for it"
        )
    return found


def steps_by_pass(cell: Cell, x: Tensor, backend: Backend) -> bool:
    """Whether single steps of the cell go through `gpu.stepped.Pass`, which saves launches, and not `cell.step`."""
    return backend != "reference" and not x.is_cpu and loop.supports(cell)


def attention_for(cell: Cell, x: Tensor, backend: Backend) -> Callable[..., kernels.Attended] | None:
    """What computes the cell with dot attention over all steps, called as `kernels.attend`; None for single steps."""
    if backend == "reference":
        return None
    if x.is_cpu:
        return kernels.attend if kernels.supports_attention(cell, x) else None
    return attend.attend if attend.supports(cell) else None


def _on_cpu(cell: Cell, x: Tensor, lengths: Tensor | None, insist: bool) -> Layer | None:
    """The operators in C++ where they were measured to be faster (docs/performance.md), else torch's layers."""
    fused = kernels.fused(cell, x, lengths, insist=insist)
    return fused or (torch_layers.torch_layer if torch_layers.supports(cell) else None)


def _on_gpu(cell: Cell, x: Tensor, insist: bool) -> Layer | None:
    """What was measured to be the fastest on this GPU. Where nothing was, the first of `gpu_layers`, which needs the
    fewest launches; Triton's kernels then only for who insists.
    """
    ways = gpu_layers(cell, x)
    if insist and "triton" in ways:
        return ways["triton"]
    training = torch.is_grad_enabled()
    problem = measured.Problem(type(cell).__name__, cell.hidden_size, len(x), training)
    best = measured.fastest(measured.measured(x.device), problem)
    unmeasured = (way for name, way in ways.items() if name != "triton")
    return ways[best] if best in ways else next(unmeasured, None)


def gpu_layers(cell: Cell, x: Tensor) -> dict[str, Layer]:
    """All fast ways to compute the cell on such inputs on a GPU, by name."""
    ways: dict[str, Layer] = {}
    if torch_layers.supports(cell) and x.device.type != "mps":  # cuDNN's are one launch; MPS has no such layers
        ways["torch"] = torch_layers.torch_layer
    if loop.supports(cell):
        ways["loop"] = loop.loop
    if x.device.type == "cuda" and find_spec("triton"):
        from seqvision.rnn.kernels import elman_triton

        if elman_triton.supports(cell, x):
            ways["triton"] = elman_triton.elman
    return ways
