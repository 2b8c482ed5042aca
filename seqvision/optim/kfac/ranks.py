"""What the processes of a run share: sums of all, and work of which each does a part."""

from collections.abc import Sequence

import torch
from torch import Tensor, distributed


def number_of_ranks() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def own_rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def sum_over_ranks(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Each tensor summed over all ranks, on every rank; one message for all of them."""
    if number_of_ranks() == 1 or not tensors:
        return list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    return _unflattened(flat, [tensor.shape for tensor in tensors])


def owners(costs: Sequence[int], ranks: int) -> list[int]:
    """Which rank does which piece of work: the dearest first, each to whoever has least so far."""
    load = [0] * ranks
    found = [0] * len(costs)
    for piece in sorted(range(len(costs)), key=lambda index: -costs[index]):
        found[piece] = load.index(min(load))
        load[found[piece]] += costs[piece]
    return found


def broadcast(tensors: Sequence[Tensor], source: int) -> list[Tensor]:
    """The tensors of one rank, on every rank; the others bring some of the same shapes. One message."""
    if number_of_ranks() == 1 or not tensors:
        return list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.broadcast(flat, source)
    return _unflattened(flat, [tensor.shape for tensor in tensors])


def _unflattened(flat: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
    parts = flat.split([shape.numel() for shape in shapes])
    return [part.reshape(shape).clone() for part, shape in zip(parts, shapes, strict=True)]
