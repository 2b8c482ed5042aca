"""Steps of training outside of a run, from the same start as often as it is wanted."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seqvision.errors import UserError
from seqvision.optim import LBFGS

# optimisers without a rate that could be looked for
RATELESS: dict[type[Optimizer], str] = {
    torch.optim.LBFGS: "searches along every direction for a step that fits; lr=1 is where it begins",
    torch.optim.Adadelta: "takes steps as long as the last ones were, whatever the loss; lr is a factor",
}


@runtime_checkable
class Learns(Protocol):
    """What a task has to be for this: a network, its loss, an optimiser; see `seqvision.tasks.base.Task`."""

    model: nn.Module
    weight_penalty: Callable[[nn.Module], Tensor] | None

    def loss(self, batch: Any) -> tuple[Tensor, Tensor]: ...
    def judged(self, batch: Any) -> tuple[Tensor, Tensor]: ...
    def chance(self, batch: Any) -> tuple[Tensor, Tensor] | None: ...
    def floor(self, batch: Any) -> float: ...
    def steady(self) -> None: ...
    def new_optimizer(self) -> Optimizer: ...


class Learner:
    """A task that learns batch by batch; `restart` takes all weights and statistics back to where they were.

    clip: of the gradient's norm. context: what the forward pass runs in (mixed precision, say).
    """

    def __init__(
        self,
        task: Learns,
        *,
        clip: int | float | None = None,
        context: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ):
        self.task, self.clip, self.context = task, clip, context
        self.begun = {name: value.clone() for name, value in task.model.state_dict().items()}
        self.restart()

    def restart(self, *, seed: int = 0) -> None:
        """The first weights, an optimiser that has made no step, and the generator at this seed."""
        self.task.model.load_state_dict(self.begun)
        self.task.model.train()
        self.optimizer = self.task.new_optimizer()
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.rate = float(self.optimizer.defaults.get("lr", self.rates[0]))  # groups may have factors of their own
        torch.manual_seed(seed)

    def mean_loss(self, batch: Any) -> Tensor:
        """The mean loss with the penalty on weights, as a step makes it small."""
        with self.context():
            total, count = self.task.loss(batch)
            loss = total / count.clamp(min=1)
            penalty = self.task.weight_penalty
            return loss if penalty is None else loss + penalty(self.task.model)

    @torch.no_grad()
    def judged(self, batch: Any) -> float:
        """The mean loss that says how well the network does; in training mode, for statistics of batches lag behind."""
        with self.context():
            total, count = self.task.judged(batch)
        return float(total / count.clamp(min=1))

    @torch.no_grad()
    def chance(self, batch: Any) -> float | None:
        """The same of a network that knows nothing."""
        found = self.task.chance(batch)
        return None if found is None else float(found[0] / found[1].clamp(min=1))

    def set_rate(self, rate: float) -> None:
        """Another `optimizer.lr`; groups with a factor of their own keep it."""
        for group, begun in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * begun / self.rate if self.rate else rate

    def step(self, batch: Any, *, rate: float | None = None) -> float:
        """Makes a step; the loss before it."""
        if rate is not None:
            self.set_rate(rate)
        losses: list[float] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            loss = self.mean_loss(batch)
            loss.backward()
            if self.clip and not isinstance(self.optimizer, LBFGS):
                nn.utils.clip_grad_norm_(self.task.model.parameters(), self.clip)
            losses.append(float(loss.detach()))
            return loss

        self.optimizer.step(closure)  # type: ignore[arg-type]
        return losses[0] if losses else math.nan

    def check_rate(self) -> None:
        """UserError where the optimiser has no rate that could be looked for."""
        for kind, why in RATELESS.items():
            if isinstance(self.optimizer, kind):
                name = type(self.optimizer).__name__.lower()
                raise UserError(
                    f"optimizer={name}: there is no rate to look for: it {why}. Leave optimizer.lr as it is, or take "
                    "an optimiser with a rate (optimizer=adamw, optimizer=sgd …)"
                )
