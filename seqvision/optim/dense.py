"""What Newton's method and BFGS share: all weights as one vector, and a line search along a direction."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from seqvision.errors import UserError
from seqvision.optim.closures import as_one_group

SUFFICIENT, FLATTER = 1e-4, 0.9  # Wolfe's constants (Nocedal and Wright, 2006, section 3.1)


class Point(NamedTuple):
    """All weights as one vector, the loss there, and its gradient."""

    x: Float[Tensor, " weights"]
    loss: float
    gradient: Float[Tensor, " weights"]


class DenseOptimizer(Optimizer):
    """An optimiser with a matrix of all weights by all weights; a subclass says what it does with it in `advance`.

    The closure gives the loss of all ranks, the same number everywhere, and leaves its gradient.

    UserError for more weights than `max_parameters`, and for groups with rates of their own.
    """

    choice: ClassVar[str]
    compares_losses: ClassVar[bool] = True
    without_closure: ClassVar[str | None] = "choose another, such as optimizer=adamw"

    def __init__(self, params: Iterable[Any], *, lr: int | float, max_parameters: int, max_eval: int):
        weights = as_one_group(params, self.choice)
        number = sum(weight.numel() for weight in weights)
        if number > max_parameters:
            raise UserError(
                f"optimizer={self.choice} keeps a matrix of all weights by all weights: found {number:,} trainable "
                f"parameters, allowed are {max_parameters:,} (optimizer.max_parameters). Make the model smaller "
                "(rnn.hidden_size=…), or take optimizer=lbfgs, which keeps a few vectors, or preconditioner=kfac with "
                "optimizer=sgd, which keeps two small matrices a layer"
            )
        super().__init__(weights, {"lr": lr})
        self.max_eval = max_eval

    @property
    def weights(self) -> list[Tensor]:
        weights: list[Tensor] = self.param_groups[0]["params"]
        return weights

    @property
    def kept(self) -> dict[str, Any]:
        """What goes on from step to step, and into checkpoints."""
        kept: dict[str, Any] = self.state[self.weights[0]]
        return kept

    @torch.no_grad()
    def here(self, closure: Callable[[], Any]) -> Point:
        """Where the weights are."""
        return self._evaluate(closure, torch.cat([weight.flatten() for weight in self.weights]))

    @torch.no_grad()
    def go(self, x: Float[Tensor, " weights"]) -> None:
        """Puts the weights there."""
        for weight, part in zip(self.weights, x.split([w.numel() for w in self.weights]), strict=True):
            weight.copy_(part.view_as(weight))

    def _evaluate(self, closure: Callable[[], Any], x: Tensor) -> Point:
        with torch.enable_grad():
            loss = float(torch.as_tensor(closure()).detach())
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in self.weights]
        return Point(x, loss, torch.cat([gradient.flatten() for gradient in gradients]))

    @torch.no_grad()
    def search(
        self, closure: Callable[[], Any], start: Point, direction: Float[Tensor, " weights"], first: float
    ) -> Point | None:
        """A point x + t · direction where the loss is sufficiently lower and its slope sufficiently flatter (the weak
        Wolfe conditions), by doubling t from `first` on and halving intervals (Lewis and Overton, 2013, algorithm 2.6);
        where there is none after `max_eval` evaluations, one with a lower loss, else None. The weights are put there,
        or back.
        """
        slope = float(start.gradient @ direction)
        low, high, t, best = 0.0, float("inf"), first, None
        for _ in range(self.max_eval):
            x = start.x + t * direction
            self.go(x)
            found = self._evaluate(closure, x)
            if not found.loss <= start.loss + SUFFICIENT * t * slope:  # a loss that is not a number is no descent
                high = t
            elif float(found.gradient @ direction) < FLATTER * slope:
                low, best = t, found
            else:
                return found
            t = (low + high) / 2 if high < float("inf") else 2 * low
        self.go(start.x if best is None else best.x)
        return best
