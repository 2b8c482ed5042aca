"""L-BFGS over parameter groups, for losses that are the same on every rank."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqvision.errors import UserError


class LBFGS(torch.optim.LBFGS):
    """`torch.optim.LBFGS` (Nocedal and Wright, 2006, algorithm 7.5; its line search algorithm 3.5), all groups as one.

    Each step evaluates its batch up to `max_eval` times, compares the losses, and keeps differences of gradients from
    step to step, so that batches should be large and alike: all of the data at best. In several processes the closure
    must give the loss over all of them, the same number everywhere, or they would part.

    UserError for groups with rates of their own: a direction is for all weights together.
    """

    without_closure: ClassVar[str | None] = "choose another, such as optimizer=adamw"

    def __init__(self, params: Iterable[Any], **settings: Any):
        weights: list[Tensor] = []
        for entry in params:
            if isinstance(entry, dict):
                if entry.get("rate_factor", 1.0) != 1.0:
                    raise UserError(
                        "optimizer=lbfgs moves all weights along one direction, found parts with rates of their own; "
                        "expected task.encoder_lr_factor=1.0 and task.layer_decay=1.0 (encoder.trainable can freeze "
                        "stages)"
                    )
                weights += entry["params"]
            else:
                weights.append(entry)
        super().__init__(weights, **settings)
