"""The loss of classification, and the weights that make rare classes count as much as common ones."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.errors import UserError, expect_shares
from seqvision.names import meant, text_of

UNKNOWN = -1  # the class of what counts for nothing
# of classes by name, or of all in their order; the text is "balanced"
Weights: TypeAlias = Mapping[Any, int | float] | Sequence[int | float] | Tensor | str | None


class WeightedLoss(nn.Module):
    """What losses share that weigh classes: factors that are given, or "balanced" ones, of counts that come later."""

    weight: Tensor | None

    def __init__(self, weights: Weights, label_smoothing: int | float):
        super().__init__()
        if isinstance(weights, str) and weights != "balanced":
            raise UserError(f"loss.class_weights is '{weights}'; expected balanced, or a number for each class.")
        self.unbalanced = isinstance(weights, str)
        self.by_name = weights if isinstance(weights, Mapping) else {}
        given = None if isinstance(weights, Mapping) else weights
        self.register_buffer("weight", weight_tensor(given), persistent=False)
        expect_shares(label_smoothing=label_smoothing)
        self.label_smoothing = label_smoothing

    def set_classes(self, classes: Sequence[str]) -> None:
        """Weights by the names of the classes, 1 for a class that is not named. Raises `UserError` for a name that no
        class has, and where a list has not one number for each class.
        """
        if self.by_name:
            weights = dict.fromkeys(classes, 1.0)
            for name, weight in self.by_name.items():
                if not meant(name, classes):
                    listed = ", ".join(classes)
                    raise UserError(
                        f"loss.class_weights: no class '{text_of(name)}' (found: {listed}). Correct the name."
                    )
                weights |= dict.fromkeys(meant(name, classes), weight)
            self.weight = weight_tensor(list(weights.values()))
        check_weights(self.weight, len(classes))

    def balance(self, counts: Int[Tensor, "*counts"]) -> None:
        """Weights by what was counted in training, where "balanced" ones were asked for."""
        if self.unbalanced:
            self.weight, self.unbalanced = self.balanced(counts), False

    def balanced(self, counts: Int[Tensor, "*counts"]) -> Float[Tensor, " classes"]:
        """The weights by the training items of each class."""
        return balanced_weights(counts)

    def check_balanced(self) -> None:
        """AssertionError where counts should have come before the first batch: a slip in the code, not a user's."""
        assert not self.unbalanced, (
            "class_weights='balanced': call balance(counts) with the training set's counts first"
        )


class SequenceClassCrossEntropy(WeightedLoss):
    """The cross-entropy in nats summed over the sequences whose class is known, and their number.

    class_weights: a factor for each class's sequences. The number stays that of the sequences, so weights that average
        1 over the training set (`balanced_weights`) leave the scale of the loss as it was. "balanced": such weights,
        of the counts that `balance` is given.
    label_smoothing: the share of the target's mass spread evenly over all classes (Szegedy et al., 2016).
    """

    def __init__(self, *, class_weights: Weights = None, label_smoothing: int | float = 0.0):
        super().__init__(class_weights, label_smoothing)

    def forward(
        self, logits: Float[Tensor, "batch classes"], classes: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """classes: -1 where nobody knows; such a sequence counts for nothing."""
        self.check_balanced()
        return self.items(logits, classes), (classes >= 0).sum()

    def items(self, logits: Float[Tensor, "items classes"], classes: Int[Tensor, " items"]) -> Float[Tensor, ""]:
        """The sum over the items whose class is known, the others' being -1: left in, so that a device need not wait
        until they are counted.
        """
        return weighted_cross_entropy(logits, classes, self.weight, self.label_smoothing)


def weighted_cross_entropy(
    logits: Float[Tensor, "items classes"],
    classes: Int[Tensor, " items"],
    weight: Float[Tensor, " weights"] | None,
    label_smoothing: int | float,
) -> Float[Tensor, ""]:
    """The sum over items of a class that is not -1, in single precision at least. Raises `UserError` where the weights
    are not one a class.
    """
    check_weights(weight, logits.shape[1])
    scores = known_scores(logits, classes)
    settings = {"weight": weight, "label_smoothing": label_smoothing}
    return F.cross_entropy(scores, classes, reduction="sum", ignore_index=UNKNOWN, **settings)  # type: ignore[arg-type]


def known_scores(
    logits: Float[Tensor, "items classes"], classes: Int[Tensor, " items"]
) -> Float[Tensor, "items classes"]:
    """The scores in single precision at least, zeros for items without a class: those may hold anything, NaN included,
    and get no gradient.
    """
    return at_least_single(logits).masked_fill((classes == UNKNOWN).unsqueeze(1), 0.0)


def check_weights(weight: Float[Tensor, " weights"] | None, classes: int) -> None:
    """Raises `UserError` where the weights are not one a class."""
    if weight is not None and len(weight) != classes:
        raise UserError(f"loss.class_weights has {len(weight)} numbers for {classes} classes; give one for each.")


def balanced_weights(counts: Sequence[int | float] | Tensor) -> Float[Tensor, " classes"]:
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


def weight_tensor(weights: Sequence[int | float] | Tensor | str | None) -> Tensor | None:
    """The factors as a tensor, None where counts are still to say them. Raises `UserError` where one is negative or not
    a number.
    """
    if weights is None or isinstance(weights, str):
        return None
    tensor = torch.as_tensor(weights, dtype=torch.float32).detach().clone()
    if not bool((tensor >= 0).all() and tensor.isfinite().all()):
        raise UserError(f"Class weights are {tensor.tolist()}; expected finite numbers, none below 0.")
    return tensor


def at_least_single(scores: Tensor) -> Tensor:
    """Sums over many items need more digits than half precision has."""
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
