"""Adam with its correction of the averages' start, or without."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer


def adam(
    params: Iterable[Any],
    *,
    lr: int | float = 1e-3,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: int | float = 0.0,
    bias_correction: bool = True,
) -> Optimizer:
    """Adam (Kingma and Ba, 2015, algorithm 1), `torch.optim.Adam`; without `bias_correction` ours.

    betas: β1, β2. weight_decay: times the weight, added to its gradient.
    """
    first, second = betas
    make = torch.optim.Adam if bias_correction else UncorrectedAdam
    return make(params, lr=lr, betas=(first, second), eps=eps, weight_decay=weight_decay)


class UncorrectedAdam(Optimizer):
    """Adam with both averages as they are, which begin at 0:

    m ← β1 m + (1 − β1) g, v ← β2 v + (1 − β2) g², w ← w − α m / (√v + ε).

    Early on v is further from its average than m from its own, so that the first steps are too long:
    (1 − β1) / √(1 − β2) times the corrected one, 3.2 times with the usual values (Kingma and Ba, 2015, section 3).
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: int | float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: int | float = 0.0,
    ):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every weight that has a gradient; gives back what the closure gave."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients = [weight.grad for weight in weights]
            if group["weight_decay"]:
                gradients = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))
            for weight in weights:
                if not self.state[weight]:
                    zeros = torch.zeros_like(weight, memory_format=torch.preserve_format)
                    self.state[weight].update(mean=zeros, square=zeros.clone())
            means = [self.state[weight]["mean"] for weight in weights]
            squares = [self.state[weight]["square"] for weight in weights]
            first, second = group["betas"]
            torch._foreach_lerp_(means, gradients, 1 - first)
            torch._foreach_mul_(squares, second)
            torch._foreach_addcmul_(squares, gradients, gradients, value=1 - second)
            roots = torch._foreach_sqrt(squares)
            torch._foreach_add_(roots, group["eps"])
            torch._foreach_addcdiv_(weights, means, roots, value=-group["lr"])
        return loss
