"""Losses over the frames of sequences: one class a frame, or several labels at once, and the smoothing of both.

A loss returns a sum and a count, so that Σ sum / Σ count over any division of a batch by sequences, over devices or
accumulated steps, is one and the same number. The count is that of the labelled frames. The smoothing term is a mean
over the valid steps of a sequence, those without a label included; it enters the sum as that mean times the sequence's
own count, so the whole is

    Σ_b (cross-entropy_b + λ n_b smoothing_b) / Σ_b n_b,    n_b: labelled frames of sequence b,

the mean cross-entropy plus λ times the mean smoothing, sequences weighed by their labelled frames. For one sequence
that is labelled throughout this is the loss of MS-TCN (Farha and Gall, 2019) to the letter; and where little is
labelled λ keeps its meaning, while a plain sum over all frames would let the smoothing of a mostly unlabelled video
drown what its few labels say.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqvision.errors import UserError
from seqvision.losses.classes import (
    UNKNOWN,
    WeightedLoss,
    Weights,
    at_least_single,
    weighted_cross_entropy,
)


class FrameLoss(nn.Module):
    """`FrameCrossEntropy` where a frame has one label, `FrameBinaryCrossEntropy` where it may have several, as the
    shape of the labels says: the arguments are theirs.

    class_weights: of several labels a frame these are the `positive_weights`. "balanced": by the counts that `balance`
        is given.
    """

    def __init__(
        self,
        *,
        class_weights: Weights = None,
        label_smoothing: int | float = 0.0,
        smoothing: int | float = 0.15,
        truncation: int | float = 4.0,
    ):
        super().__init__()
        settings = {"label_smoothing": label_smoothing, "smoothing": smoothing, "truncation": truncation}
        self.one = FrameCrossEntropy(class_weights=class_weights, **settings)
        self.several = FrameBinaryCrossEntropy(positive_weights=class_weights, **settings)

    def set_classes(self, classes: Sequence[str]) -> None:
        """The weights by the names of the classes, as in `WeightedLoss`."""
        self.one.set_classes(classes)
        self.several.set_classes(classes)

    def balance(self, counts: Int[Tensor, "*counts"]) -> None:
        """counts: labelled training frames of each class (classes,); with several labels a frame (2, classes), the
        frames without and those with each.
        """
        (self.one if counts.dim() == 1 else self.several).balance(counts)

    def forward(
        self,
        logits: Float[Tensor, "batch time classes"],
        labels: Int[Tensor, "batch time *classes"],
        lengths: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """labels: (batch, time), or (batch, time, classes) of 0 and 1; -1 where nobody said."""
        loss: tuple[Tensor, Tensor] = (self.one if labels.dim() == 2 else self.several)(logits, labels, lengths)
        return loss


class _SmoothedLoss(WeightedLoss):
    """What both losses of frames share: weights, and the truncated smoothing."""

    def __init__(
        self,
        weights: Weights,
        *,
        label_smoothing: int | float = 0.0,
        smoothing: int | float = 0.15,
        truncation: int | float = 4.0,
    ):
        super().__init__(weights, label_smoothing)
        self.smoothing = smoothing
        self.truncation = truncation

    def roughness(
        self,
        log_p: Float[Tensor, "batch time classes"],
        valid: Bool[Tensor, "batch time"],
        counts: Int[Tensor, " batch"],
    ) -> Float[Tensor, ""]:
        """λ times each sequence's smoothing term times its count, summed."""
        return self.smoothing * (counts * truncated_smoothing(log_p, valid, self.truncation)).sum()


class FrameCrossEntropy(_SmoothedLoss):
    """Cross-entropy of the labelled frames plus λ times the truncated smoothing of all valid ones: sum and count.

    class_weights: a factor for each class's frames (`balanced_weights`); the count stays the number of frames.
        "balanced": by the counts that `balance` is given.
    label_smoothing: the share of the target's mass spread evenly over all classes.
    smoothing: λ; .15 as in the paper, 0 for none. truncation: its τ, in nats.
    """

    def __init__(self, *, class_weights: Weights = None, **settings: int | float):
        super().__init__(class_weights, **settings)

    def forward(
        self,
        logits: Float[Tensor, "batch time classes"],
        labels: Int[Tensor, "batch time"],
        lengths: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """labels: -1 where nobody said; what lies past a sequence's length counts for nothing, whatever it is."""
        self.check_balanced()
        valid = valid_frames(lengths, labels.shape[1])
        labelled = valid & (labels >= 0)
        known = labels.masked_fill(~labelled, UNKNOWN)
        total = self.items(logits.flatten(0, 1), known.flatten())
        if self.smoothing:
            scores = at_least_single(logits).masked_fill(~valid.unsqueeze(-1), 0.0)
            total = total + self.roughness(scores.log_softmax(dim=-1), valid, labelled.sum(dim=1))
        return total, labelled.sum()

    def items(self, logits: Float[Tensor, "items classes"], classes: Int[Tensor, " items"]) -> Float[Tensor, ""]:
        """The sum over the frames that have a label, the others' being -1."""
        return weighted_cross_entropy(logits, classes, self.weight, self.label_smoothing)


class FrameBinaryCrossEntropy(_SmoothedLoss):
    """Binary cross-entropy of every labelled entry plus λ times the truncated smoothing, where a frame may have several
    labels: sum and count of the entries.

    positive_weights: a factor for each label's ones, e.g. how many zeros it has for a one; "balanced": just that, of
        the counts that `balance` is given.
    label_smoothing: ones become 1 − ε/2 and zeros ε/2.
    smoothing, truncation: as in `FrameCrossEntropy`, each label being a choice between two: the squared steps of
    log p and of log (1 − p), each truncated, averaged over both and over labels.
    """

    def __init__(self, *, positive_weights: Weights = None, **settings: int | float):
        super().__init__(positive_weights, **settings)

    def balanced(self, counts: Int[Tensor, "2 labels"]) -> Float[Tensor, " labels"]:
        """The weights by the training frames without and with each label."""
        without, having = counts
        return torch.where(having > 0, without / having.clamp(min=1), 1.0).float()

    def forward(
        self,
        logits: Float[Tensor, "batch time labels"],
        labels: Int[Tensor, "batch time labels"],
        lengths: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """labels: 1, 0, and -1 where nobody said; entries past a sequence's length count for nothing."""
        self.check_balanced()
        if self.weight is not None and len(self.weight) != logits.shape[2]:
            raise UserError(
                f"positive_weights has {len(self.weight)} numbers for {logits.shape[2]} labels; give one for each."
            )
        valid = valid_frames(lengths, labels.shape[1])
        labelled = valid.unsqueeze(-1) & (labels >= 0)
        scores = at_least_single(logits).masked_fill(~valid.unsqueeze(-1), 0.0)
        targets = labels.clamp(min=0) * (1 - self.label_smoothing) + self.label_smoothing / 2
        each = F.binary_cross_entropy_with_logits(
            scores, targets.to(scores.dtype), pos_weight=self.weight, reduction="none"
        )
        total = (each * labelled).sum()
        if self.smoothing:
            log_p = torch.cat([F.logsigmoid(scores), F.logsigmoid(-scores)], dim=-1)
            total = total + self.roughness(log_p, valid, labelled.sum(dim=(1, 2)))
        return total, labelled.sum()


def truncated_smoothing(
    log_p: Float[Tensor, "batch time classes"], valid: Bool[Tensor, "batch time"], truncation: int | float = 4.0
) -> Float[Tensor, " batch"]:
    """The mean over each sequence's steps and classes of min(Δ², τ²), Δ the change of a log-probability from one frame
    to the next (Farha and Gall, 2019, equations 8 to 10). 0 for a sequence of one frame.

    As in the paper's code the earlier frame is held fixed: only the later one is drawn to it. The longer the change,
    the less it pulls: beyond τ not at all, so that real borders between actions stay sharp.
    """
    steps = valid[:, 1:]
    change = log_p[:, 1:] - log_p[:, :-1].detach()
    each = change.square().clamp(max=truncation**2).mean(dim=-1)
    return (each * steps).sum(dim=1) / steps.sum(dim=1).clamp(min=1)


def valid_frames(lengths: Int[Tensor, " batch"], time: int) -> Bool[Tensor, "batch time"]:
    """True for the frames before each sequence's length."""
    return torch.arange(time, device=lengths.device) < lengths.unsqueeze(1)
