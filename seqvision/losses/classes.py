"""The loss of classification, and the weights that make rare classes count as much as common ones."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.errors import UserError


class SequenceClassCrossEntropy(nn.Module):
    """The cross-entropy in nats summed over the sequences whose class is known, and their number.

    class_weights: a factor for each class's sequences. The number stays that of the sequences, so weights that average
        1 over the training set (`balanced_weights`) leave the scale of the loss as it was.
    label_smoothing: the share of the target's mass spread evenly over all classes (Szegedy et al., 2016).
    """

    weight: Tensor | None

    def __init__(self, *, class_weights: Sequence[float] | Tensor | None = None, label_smoothing: float = 0.0):
        super().__init__()
        self.register_buffer("weight", weight_tensor(class_weights), persistent=False)
        self.label_smoothing = label_smoothing

    def forward(
        self, logits: Float[Tensor, "batch classes"], classes: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """classes: -1 where nobody knows; such a sequence counts for nothing."""
        known = classes >= 0
        return weighted_cross_entropy(logits[known], classes[known], self.weight, self.label_smoothing), known.sum()


def weighted_cross_entropy(
    logits: Float[Tensor, "items classes"],
    classes: Int[Tensor, " items"],
    weight: Float[Tensor, " weights"] | None,
    label_smoothing: float,
) -> Float[Tensor, ""]:
    """The sum over items, in single precision at least. Raises `UserError` where the weights are not one a class."""
    if weight is not None and len(weight) != logits.shape[1]:
        raise UserError(f"class_weights has {len(weight)} numbers for {logits.shape[1]} classes; give one for each.")
    return F.cross_entropy(
        at_least_single(logits), classes, weight=weight, reduction="sum", label_smoothing=label_smoothing
    )


def balanced_weights(counts: Sequence[int] | Tensor) -> Float[Tensor, " classes"]:
    """Weights in inverse proportion to how often each class occurs, 1 on average over all items that were counted.

    counts: the items of each class in the training set, e.g. labelled frames. A class that never occurs gets 1: it has
    no item to be weighed. Raises `UserError` where nothing was counted or a count is negative.
    """
    number = torch.as_tensor(counts, dtype=torch.float64)
    present = number > 0
    if not present.any() or (number < 0).any():
        raise UserError(
            f"Class counts are {number.tolist()}; expected the number of items of each class, at least one."
        )
    balanced = number.sum() / (present.sum() * number.clamp(min=1))
    return torch.where(present, balanced, 1.0).float()


def weight_tensor(weights: Sequence[float] | Tensor | None) -> Tensor | None:
    """The factors as a tensor. Raises `UserError` where one is negative or not a number."""
    if weights is None:
        return None
    tensor = torch.as_tensor(weights, dtype=torch.float32).detach().clone()
    if not bool((tensor >= 0).all() and tensor.isfinite().all()):
        raise UserError(f"Class weights are {tensor.tolist()}; expected finite numbers, none below 0.")
    return tensor


def at_least_single(scores: Tensor) -> Tensor:
    """Sums over many items need more digits than half precision has."""
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
