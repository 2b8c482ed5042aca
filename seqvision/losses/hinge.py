"""The multi-class SVM's loss, for sequences and for frames: a right class that leads by a margin costs nothing more."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.errors import UserError
from seqvision.losses.classes import UNKNOWN, SequenceClassCrossEntropy, Weights, check_weights, known_scores
from seqvision.losses.frames import FrameCrossEntropy


class SequenceClassHinge(SequenceClassCrossEntropy):
    """The hinge loss summed over the sequences whose class is known, and their number.

    margin: by how much the right class is to lead. class_weights: as in `SequenceClassCrossEntropy`.
    """

    def __init__(self, *, margin: int | float = 1.0, class_weights: Weights = None):
        super().__init__(class_weights=class_weights)
        self.margin = margin

    def items(self, logits: Float[Tensor, "items classes"], classes: Int[Tensor, " items"]) -> Float[Tensor, ""]:
        return weighted_hinge(logits, classes, self.weight, self.margin)


class FrameHinge(FrameCrossEntropy):
    """The hinge loss of the labelled frames plus λ times the truncated smoothing of all valid ones: sum and count.

    margin: by how much the right class is to lead. The other arguments: as in `FrameCrossEntropy`. UserError where a
    frame may have several labels.
    """

    def __init__(self, *, margin: int | float = 1.0, class_weights: Weights = None, **settings: int | float):
        super().__init__(class_weights=class_weights, **settings)
        self.margin = margin

    def forward(
        self,
        logits: Float[Tensor, "batch time classes"],
        labels: Int[Tensor, "batch time *classes"],
        lengths: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        if labels.dim() == 3:
            raise UserError("loss=frame_hinge is for one label a frame; with several take loss=frames")
        loss: tuple[Tensor, Tensor] = super().forward(logits, labels, lengths)
        return loss

    def items(self, logits: Float[Tensor, "items classes"], classes: Int[Tensor, " items"]) -> Float[Tensor, ""]:
        return weighted_hinge(logits, classes, self.weight, self.margin)


def weighted_hinge(
    logits: Float[Tensor, "items classes"],
    classes: Int[Tensor, " items"],
    weight: Float[Tensor, " weights"] | None,
    margin: int | float,
) -> Float[Tensor, ""]:
    """Σ w_y Σ_{j≠y} max(0, s_j − s_y + margin), the sum over items of a class y that is not -1 (Weston and Watkins,
    "Support vector machines for multi-class pattern recognition", 1999, equation 5, linear). Raises `UserError` where
    the weights are not one a class.
    """
    check_weights(weight, logits.shape[1])
    scores, index = known_scores(logits, classes), classes.clamp(min=0)
    right = scores.gather(1, index.unsqueeze(1))
    over = (scores - right + margin).clamp(min=0).scatter(1, index.unsqueeze(1), 0.0).sum(dim=1)
    counted = over * (classes != UNKNOWN)
    return counted.sum() if weight is None else torch.dot(weight[index].to(over.dtype), counted)
