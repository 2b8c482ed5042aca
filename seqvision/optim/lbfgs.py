"""L-BFGS over parameter groups, for losses that are the same on every rank."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from seqvision.optim.closures import as_one_group


class LBFGS(torch.optim.LBFGS):
    """`torch.optim.LBFGS` (Nocedal and Wright, 2006, algorithm 7.5; its line search algorithm 3.5), all groups as one.

    Each step evaluates its batch up to `max_eval` times, compares the losses, and keeps differences of gradients from
    step to step, so that batches should be large and alike: all of the data at best. In several processes the closure
    must give the loss over all of them, the same number everywhere, or they would part.

    UserError for groups with rates of their own: a direction is for all weights together.
    """

    compares_losses: ClassVar[bool] = True
    without_closure: ClassVar[str | None] = "choose another, such as optimizer=adamw"

    def __init__(self, params: Iterable[Any], **settings: Any):
        super().__init__(as_one_group(params, "lbfgs"), **settings)
