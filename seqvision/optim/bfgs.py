"""BFGS: the inverse of the Hessian learnt from gradients alone, for small models."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqvision.optim.dense import DenseOptimizer


class BFGS(DenseOptimizer):
    """x ← x − t H ∇f, and after each such step (Nocedal and Wright, 2006, algorithm 6.1, equations 6.14 and 6.17)

        H ← (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ,  s = x' − x,  y = ∇f(x') − ∇f(x),  ρ = 1 / yᵀs.

    The first H is I, and before the first update I · yᵀs / yᵀy (equation 6.20). t by a line search, which sees to it
    that the loss falls and that yᵀs > 0, so that H stays positive definite. Both gradients of y are of one batch; H is
    kept from batch to batch, which should be large and alike: all of the data at best.

    lr: the t that is tried first. max_iter: directions a step; max_eval: evaluations for each.
    """

    choice: ClassVar[str] = "bfgs"

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: int | float = 1.0,
        max_iter: int = 10,
        max_eval: int = 25,
        tolerance: float = 1e-7,
        max_parameters: int = 5000,
    ):
        super().__init__(params, lr=lr, max_parameters=max_parameters, max_eval=max_eval)
        self.max_iter, self.tolerance = max_iter, tolerance

    @torch.no_grad()
    def step(self, closure: Callable[[], Any]) -> float:  # type: ignore[override]  # without a closure there is no step
        """Up to `max_iter` directions; gives back the loss before the first."""
        point = self.here(closure)
        before, kept = point.loss, self.kept
        for _ in range(self.max_iter):
            if not point.gradient.abs().max() > self.tolerance:
                break
            inverse: Tensor | None = kept.get("inverse")
            rate = float(self.param_groups[0]["lr"])
            if inverse is None:  # nothing is known of the scale: a careful first step
                direction, first = -point.gradient, rate * min(1.0, 1 / float(point.gradient.abs().sum()))
            else:
                direction, first = -(inverse @ point.gradient), rate
            found = self.search(closure, point, direction, first)
            if found is None:
                if kept.pop("inverse", None) is None:
                    break
                continue  # what was learnt misleads, on another batch say: once more without it
            kept["inverse"] = updated(inverse, found.x - point.x, found.gradient - point.gradient)
            point = found
        return before


def updated(inverse: Tensor | None, s: Tensor, y: Tensor) -> Tensor | None:
    """H after a step s that changed the gradient by y; as it was where the curvature along s is not positive."""
    curvature = torch.dot(y, s)
    if not curvature > torch.finfo(s.dtype).eps * s.norm() * y.norm():
        return inverse
    if inverse is None:
        inverse = torch.eye(len(s), dtype=s.dtype, device=s.device) * (curvature / torch.dot(y, y))
    hy = inverse @ y
    # the product of the equation, multiplied out: two outer products and no product of matrices
    return (
        inverse
        - (torch.outer(s, hy) + torch.outer(hy, s)) / curvature
        + torch.outer(s, s) * ((1 + torch.dot(y, hy) / curvature) / curvature)
    )
