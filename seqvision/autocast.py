"""What mixed precision must leave alone: numbers whose rounding to half precision would change a result."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def in_float32(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function in single precision whatever autocast says: what comes in half precision becomes float32 first.

    Autocast rounds to 8 or 11 significant bits: a position in an image of 300 pixels to a whole pixel. Recurrences,
    positions, divergences and log-densities are computed in here. Without autocast the function is called as it is,
    so that a network whose weights were made half precision stays in half precision.
    """

    @functools.wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if not torch._C._is_any_autocast_enabled():
            return function(*args, **kwargs)
        tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        devices = {tensor.device.type for tensor in tensors}
        enabled = [device for device in devices if torch.is_autocast_enabled(device)]
        args, kwargs = pytree.tree_map(_in_full, (args, kwargs))
        for device in enabled:
            torch.set_autocast_enabled(device, False)
        try:
            return function(*args, **kwargs)
        finally:
            for device in enabled:
                torch.set_autocast_enabled(device, True)

    return run


def _in_full(part: Any) -> Any:
    half = isinstance(part, Tensor) and part.dtype in (torch.bfloat16, torch.float16)
    return part.float() if half else part
