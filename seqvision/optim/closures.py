"""What an optimiser that evaluates the loss itself asks of the training."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from seqvision.errors import UserError


def check_closures(optimizer: Optimizer, *, accumulated: int, precision: str) -> None:
    """Nothing, if the optimiser can evaluate a whole step's loss, as often as it likes, or need not; else a UserError.

    An optimiser says by its attribute `without_closure` that it needs to: what to do where that cannot be.
    accumulated: batches whose gradients make one step. precision: Lightning's name.
    """
    remedy = getattr(optimizer, "without_closure", None)
    if remedy is None:
        return
    what = f"the optimizer {type(optimizer).__name__} evaluates the loss inside its step, at other weights than before"
    if accumulated != 1:
        raise UserError(
            f"trainer.accumulate_grad_batches={accumulated}: {what}, and the gradients of the batches gathered until "
            "then would be those of the old ones; expected 1. Set it to 1, with a larger data.batch_size, or "
            f"{remedy}"
        )
    if precision in ("16-mixed", "16"):
        raise UserError(
            f"trainer.precision={precision}: {what}, but float16's gradients are scaled outside of it; expected "
            f"32-true or bf16-mixed. Set one of these, or {remedy}"
        )


def compares_losses(optimizer: Optimizer) -> bool:
    """Whether it has a line search: its closure must give the loss that its gradients are of, the same on every rank,
    and nobody may clip these gradients, from which it learns the curvature.
    """
    return bool(getattr(optimizer, "compares_losses", False))


def as_one_group(params: Iterable[Any], choice: str) -> list[Tensor]:
    """All parameters of all groups, for an optimiser that moves them along one direction.

    UserError for groups with rates of their own: a direction is for all weights together.
    """
    weights: list[Tensor] = []
    for entry in params:
        if not isinstance(entry, dict):
            weights.append(entry)
            continue
        if entry.get("rate_factor", 1.0) != 1.0:
            raise UserError(
                f"optimizer={choice} moves all weights along one direction, found parts with rates of their own; "
                "expected task.encoder_lr_factor=1.0 and task.layer_decay=1.0 (encoder.trainable can freeze stages)"
            )
        weights += entry["params"]
    return weights
