"""Momentum and Nesterov's momentum, each in the two forms in which it is written down."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from seqvision.errors import UserError

Parts = tuple[list[Tensor], list[Tensor], list[Tensor]]  # weights, gradients, velocities


class _Velocity(Optimizer):
    """What both methods share: one velocity v a weight, 0 at first; `weight_decay` times the weight as it stands is
    added to its gradient g. α is the rate, μ the momentum.
    """

    forms: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: int | float,
        momentum: int | float = 0.9,
        form: str | None = None,
        weight_decay: int | float = 0.0,
    ):
        form = self.forms[0] if form is None else form
        if form not in self.forms:
            raise UserError(f"optimizer.form is {form!r}; expected {' or '.join(self.forms)}")
        if lr < 0 or not 0 <= momentum < 1:
            raise UserError(
                f"optimizer: lr is {lr} and momentum {momentum}; expected a rate of 0 or more, and a momentum of 0 or "
                "more and below 1"
            )
        super().__init__(params, {"lr": lr, "momentum": momentum, "form": form, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every weight that has a gradient; gives back what the closure gave."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            self._move(group, *self._parts(group))
        return loss

    def _move(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor], velocities: list[Tensor]):
        raise NotImplementedError

    def _parts(self, group: dict[str, Any]) -> Parts:
        """The weights of a group that have a gradient, these gradients with the decay's share, and the velocities."""
        weights = [weight for weight in group["params"] if weight.grad is not None]
        gradients = [weight.grad for weight in weights]
        if group["weight_decay"] and weights:
            gradients = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["velocity"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        return weights, gradients, [self.state[weight]["velocity"] for weight in weights]


class Momentum(_Velocity):
    """Steps along a velocity that gathers gradients (Polyak, 1964), in one of two forms:

    - "rate_outside": v ← μ v + g, w ← w − α v, which is `torch.optim.SGD`'s. A new rate holds at once for all that the
      velocity has gathered.
    - "rate_inside": v ← μ v − α g, w ← w + v (Sutskever et al., 2013, equations 1 and 2). Each gradient keeps the rate
      of the step that it came in; after a drop of the rate the old velocity runs out within some 1 / (1 − μ) steps.

    At a constant rate both take the same path, v of one being −α times v of the other.
    """

    forms = ("rate_outside", "rate_inside")

    def _move(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor], velocities: list[Tensor]):
        if not weights:
            return
        torch._foreach_mul_(velocities, group["momentum"])
        if group["form"] == "rate_outside":
            torch._foreach_add_(velocities, gradients)
            torch._foreach_add_(weights, velocities, alpha=-group["lr"])
        else:
            torch._foreach_add_(velocities, gradients, alpha=-group["lr"])
            torch._foreach_add_(weights, velocities)


class Nesterov(_Velocity):
    """Momentum whose gradient is taken where the velocity is about to lead, in one of two forms:

    - "look_ahead": v ← μ v − α ∇f(w + μ v), w ← w + v (Sutskever et al., 2013, equations 3 and 4). Between steps the
      network holds w: that is what is validated and saved. Only while `step` evaluates its closure does it hold
      w + μ v, so that a closure is needed, and one batch a step: neither gradients accumulated over several batches
      nor float16's scaling, which evaluates outside of the step, will do.
    - "rearranged": in the variables u = w + μ v (Bengio, Boulanger-Lewandowski and Pascanu, 2013, section 3.5):
      v' ← μ v − α ∇f(u), u ← u − μ v + (1 + μ) v'. The network holds u at all times, in validation and in checkpoints
      too; the gradient is an ordinary one and may come from anywhere. `resting` gives w.

    Both take the same path, whatever the rate does: u of one is w + μ v of the other. `torch.optim.SGD` with
    `nesterov=True` keeps the rate outside of the velocity: the same path at a constant rate only.
    """

    forms = ("rearranged", "look_ahead")

    @property
    def without_closure(self) -> str | None:
        """What to do where no closure can be evaluated inside the step; None if none need be."""
        if self.defaults["form"] == "rearranged":
            return None
        return "take optimizer.form=rearranged, the same method in other variables"

    @torch.no_grad()
    def resting(self) -> list[Tensor]:
        """w of every parameter, group by group, without the step that a look ahead adds."""
        found = []
        for group in self.param_groups:
            ahead = group["momentum"] if group["form"] == "rearranged" else 0.0
            found += [p - ahead * self.state[p]["velocity"] if self.state[p] else p.clone() for p in group["params"]]
        return found

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every weight that has a gradient; in the form "look_ahead" one of the closure at w + μ v."""
        if self.defaults["form"] == "rearranged":
            return super().step(closure)
        if closure is None:
            raise UserError(
                "optimizer.form=look_ahead takes the gradient at w + μ v and got no closure to evaluate there; "
                f"call step(closure), or {self.without_closure}"
            )
        kept = []
        for group in self.param_groups:
            for weight in group["params"]:
                if self.state[weight]:
                    kept.append((weight, weight.clone()))
                    weight.add_(self.state[weight]["velocity"], alpha=group["momentum"])
        try:
            loss = _evaluate(closure)
            parts = [self._parts(group) for group in self.param_groups]  # here: the decay's share is taken ahead, too
        finally:
            for weight, resting in kept:
                weight.copy_(resting)
        for group, part in zip(self.param_groups, parts, strict=True):
            self._move(group, *part)
        return loss

    def _move(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor], velocities: list[Tensor]):
        if not weights:
            return
        rearranged = group["form"] == "rearranged"
        if rearranged:
            torch._foreach_add_(weights, velocities, alpha=-group["momentum"])
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, gradients, alpha=-group["lr"])
        torch._foreach_add_(weights, velocities, alpha=1.0 + group["momentum"] if rearranged else 1.0)


def _evaluate(closure: Callable[[], Any] | None) -> Any:
    """What the closure gives, with gradients; None without one."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
