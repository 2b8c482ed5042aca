"""cuDNN's recurrent networks on the pretended device: whole layers that count as one launch each way.

Without this torch would run them step by step, as it does on devices that have no such networks.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LAYERS = {"lstm", "gru", "rnn_tanh", "rnn_relu"}


def opaque_layer(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    unwrap: Callable[[Any], Any],
    wrap: Callable[[Any], Any],
    launched: Callable[[str, str], None],
) -> tuple[Tensor, ...]:
    """The outputs of `torch.lstm`, `torch.gru` or `torch.rnn_tanh` for these arguments, of tensors on the device."""
    flat, spec = torch.utils._pytree.tree_flatten(arguments)
    places = [place for place, each in enumerate(flat) if isinstance(each, Tensor) and each.is_floating_point()]
    found: tuple[Tensor, ...] = _Layer.apply(
        (function, flat, spec, places, unwrap, wrap, launched), *[flat[p] for p in places]
    )
    return found


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        function, flat, spec, places, unwrap, wrap, launched = call
        inner = [unwrap(each).detach().requires_grad_() for each in tensors]
        filled = [unwrap(each) for each in flat]
        for place, each in zip(places, inner, strict=True):
            filled[place] = each
        with torch.enable_grad():
            outputs = function(*torch.utils._pytree.tree_unflatten(filled, spec))
        launched("launches", f"cudnn_{function.__name__}")
        ctx.kept = inner, outputs, unwrap, wrap, launched, function.__name__
        return tuple(wrap(each.detach()) for each in outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        inner, outputs, unwrap, wrap, launched, name = ctx.kept
        launched("launches", f"cudnn_{name}_backward")
        asked = [(out, unwrap(grad)) for out, grad in zip(outputs, gradients, strict=True) if grad is not None]
        outs, grads = zip(*asked, strict=True)
        found = torch.autograd.grad(outs, inner, grads, allow_unused=True)
        return None, *(None if each is None else wrap(each) for each in found)
