"""Parameter groups: what decays, and what learns at another rate."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer


def build_optimizer(
    make: Callable[[Iterable[Any]], Optimizer],
    model: nn.Module,
    *,
    slow: nn.Module | None = None,
    slow_factor: float = 1.0,
) -> Optimizer:
    """The optimiser over all trainable parameters: gains and biases without weight decay, and the parameters of
    `slow` (an encoder, say) at `slow_factor` times the rate.

    make: a partial of an optimiser class that still lacks its parameters.
    """
    inside = {id(p) for p in slow.parameters()} if slow is not None else set()
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault((parameter.dim() > 1, id(parameter) in inside), []).append(parameter)
    no_decay = {"weight_decay": 0.0}
    optimizer = make([{"params": group, **({} if decays else no_decay)} for (decays, _), group in groups.items()])
    for (_, is_slow), group in zip(groups, optimizer.param_groups, strict=True):
        group["lr"] *= slow_factor if is_slow else 1.0
    return optimizer
