"""Newton's method with the exact Hessian, for small models."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed

from seqvision.devices import widened
from seqvision.errors import UserError
from seqvision.optim.dense import DenseOptimizer


class Newton(DenseOptimizer):
    """x ← x − t B⁻¹ ∇f, where B is the Hessian with each eigenvalue e made max(|e|, damping): away from saddles and
    maxima, and no further along flat directions than the damping lets it (Nocedal and Wright, 2006, section 3.4;
    Dauphin et al., 2014, equation 6). t by a line search, so that the loss falls. Where the loss is a quadratic with
    curvatures above the damping, one step is its minimum.

    lr: the t that is tried first. max_eval: evaluations of a line search.
    """

    choice: ClassVar[str] = "newton"

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: int | float = 1.0,
        damping: int | float = 1e-3,
        max_eval: int = 25,
        max_parameters: int = 2000,
    ):
        if not damping > 0:
            raise UserError(f"optimizer.damping is {damping}; expected a number above 0, such as 1e-3")
        super().__init__(params, lr=lr, max_parameters=max_parameters, max_eval=max_eval)
        self.damping = damping

    def step(  # type: ignore[override]  # without a closure there is no step
        self, closure: Callable[[], Any], graph: Callable[[], tuple[Tensor, Tensor]] | None = None
    ) -> float:
        """One direction; gives back the loss before.

        graph: this rank's summed loss, differentiable twice, and the number of items that it is summed over. Left out,
        the closure's own loss is differentiated, whose backward pass must then have kept its graph.
        """
        point = self.here(closure)
        if not bool(point.gradient.any()):
            return point.loss
        hessian = self._hessian(closure, graph)
        values, vectors = torch.linalg.eigh(widened(hessian))
        there = vectors.mT @ point.gradient.to(vectors)
        direction = -(vectors @ (there / values.abs().clamp(min=self.damping))).to(point.x)
        self.search(closure, point, direction, float(self.param_groups[0]["lr"]))
        return point.loss

    def _hessian(self, closure: Callable[[], Any], graph: Callable[[], tuple[Tensor, Tensor]] | None) -> Tensor:
        """That of the mean loss over all ranks."""
        with torch.enable_grad():
            loss, count = (closure(), torch.ones(())) if graph is None else graph()
            total = hessian_of(loss, self.weights)
        number = count.detach().to(total)
        if distributed.is_initialized():
            distributed.all_reduce(total)
            distributed.all_reduce(number)
        return total / number.clamp(min=1.0)


def hessian_of(loss: Tensor, weights: Sequence[Tensor], *, rows_at_once: int = 64) -> Float[Tensor, "weights weights"]:
    """The second derivatives of a loss with a graph, symmetric to the last bit."""
    gradients = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    number = len(flat)
    hessian = torch.zeros(number, number, dtype=flat.dtype, device=flat.device)
    if not flat.requires_grad:  # a linear loss
        return hessian
    for start in range(0, number, rows_at_once):
        rows = torch.eye(number, dtype=flat.dtype, device=flat.device)[start : start + rows_at_once]
        found = torch.autograd.grad(flat, weights, rows, is_grads_batched=True, retain_graph=True, allow_unused=True)
        parts = [
            rows.new_zeros(len(rows), weight.numel()) if part is None else part.flatten(1)
            for part, weight in zip(found, weights, strict=True)
        ]
        hessian[start : start + len(rows)] = torch.cat(parts, dim=1)
    return ((hessian + hessian.mT) / 2).detach()
