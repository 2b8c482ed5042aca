"""Losses over sequences of words. Padding is never counted: every loss takes the targets' mask."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class SequenceCrossEntropy(nn.Module):
    """The cross-entropy in nats summed over all valid steps: a sum, so that the caller can divide by the number of
    words of the whole batch, wherever its parts were computed.

    label_smoothing: the share of the target's mass spread evenly over all words (Szegedy et al., 2016).
    """

    def __init__(self, *, label_smoothing: float = 0.0):
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(
        self,
        logits: Float[Tensor, "batch time vocabulary"],
        targets: Int[Tensor, "batch time"],
        valid: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, ""]:
        return F.cross_entropy(
            logits[valid].float(), targets[valid], reduction="sum", label_smoothing=self.label_smoothing
        )


def doubly_stochastic_penalty(
    attention: Float[Tensor, "batch time places"], valid: Bool[Tensor, "batch time"]
) -> Float[Tensor, ""]:
    """Σ_i (1 − Σ_t α_ti)², averaged over places and summed over pictures (Xu et al., 2015, equation 14).

    It asks that every place be looked at about once over a caption.
    """
    looked = (attention * valid.unsqueeze(-1)).sum(dim=1)
    return (1.0 - looked).square().mean(dim=1).sum()


def sequence_log_probability(
    logits: Float[Tensor, "batch time vocabulary"],
    targets: Int[Tensor, "batch time"],
    valid: Bool[Tensor, "batch time"],
) -> Float[Tensor, " batch"]:
    """The log-probability of each whole sequence, in nats."""
    each = logits.float().log_softmax(dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return torch.where(valid, each, 0.0).sum(dim=1)
