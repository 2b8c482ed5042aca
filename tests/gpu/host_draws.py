"""Random numbers that are the same on every device: drawn on the CPU, then moved."""

from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

MAKES = {torch.rand, torch.randn, torch.randint, torch.randperm}
MAKES_ALIKE = {torch.rand_like, torch.randn_like}
FILLS = {torch.Tensor.exponential_, torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.bernoulli_}


class HostDraws(TorchFunctionMode):
    """While it is entered, torch's random functions draw on the CPU, wherever what they make is to be."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in MAKES and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if func in MAKES_ALIKE:
            return func(_alike(args[0]), *args[1:], **kwargs).to(args[0].device)
        if func in FILLS:
            return args[0].copy_(func(_alike(args[0]), *args[1:], **kwargs))
        if func in (torch.bernoulli, torch.Tensor.bernoulli) and len(args) == 1:
            return (torch.rand(args[0].shape).to(args[0].device) < args[0]).to(args[0].dtype)
        if func is F.dropout:
            return _dropout(*args, **kwargs)
        return func(*args, **kwargs)


def _alike(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype)


def _dropout(x: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:
    if not training or not p:
        return x
    return x * ((torch.rand(x.shape) >= p).to(x.device, x.dtype) / (1 - p))
