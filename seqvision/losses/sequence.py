"""Losses over sequences of words. Padding is never counted: every loss takes where the targets are."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqvision.errors import UserError, expect_shares
from seqvision.losses.classes import at_least_single


class SequenceCrossEntropy(nn.Module):
    """The cross-entropy in nats summed over all valid steps: a sum, so that the caller can divide by the number of
    words of the whole batch, wherever its parts were computed.

    It takes what the output layer sees, and asks that layer for scores at the valid steps only.

    label_smoothing: the share of the target's mass spread evenly over all words (Szegedy et al., 2016).
    scores_at_once: where a batch has more scores (steps times words) than this, they are made and used up in pieces of
        this size, the gradients with them: memory then grows with the vocabulary, but not with the batch.
    """

    def __init__(self, *, label_smoothing: int | float = 0.0, scores_at_once: int = 2**24):
        super().__init__()
        expect_shares(label_smoothing=label_smoothing)
        self.label_smoothing = label_smoothing
        self.scores_at_once = scores_at_once

    def forward(
        self,
        hidden: Float[Tensor, "batch time hidden"],
        targets: Int[Tensor, "batch time"],
        valid: Int[Tensor, " valid"],
        output: nn.Linear,
    ) -> Float[Tensor, ""]:
        """valid: the indices of the valid steps in (batch, time) flattened."""
        rows, wanted = (each.flatten(0, 1).index_select(0, valid) for each in (hidden, targets))
        if rows.shape[0] * output.out_features <= self.scores_at_once:
            return F.cross_entropy(
                at_least_single(output(rows)), wanted, reduction="sum", label_smoothing=self.label_smoothing
            )
        piece = max(1, self.scores_at_once // output.out_features)
        weight = getattr(output, "matrix", output.weight)  # of DropConnect what is left of it
        loss: Tensor = _CrossEntropyInPieces.apply(rows, weight, output.bias, wanted, self.label_smoothing, piece)
        return loss


class _CrossEntropyInPieces(torch.autograd.Function):
    """Linear layer and cross-entropy together, `piece` rows at a time. The gradients are taken on the way, while a
    piece's scores are there, and only scaled when they are asked for.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None, wanted: Tensor, smoothing: int | float, piece: int
    ) -> Tensor:
        needed = any(ctx.needs_input_grad)
        d_rows, d_weight = (torch.zeros_like(part) if needed else None for part in (rows, weight))
        d_bias = torch.zeros_like(bias) if needed and bias is not None else None
        losses = []
        for start in range(0, len(rows), piece):
            here, targets = rows[start : start + piece], wanted[start : start + piece].unsqueeze(1)
            products = F.linear(here, weight, bias)  # in half precision under autocast, whatever the parameters are in
            kind, scores = products.dtype, at_least_single(products)
            log_sum = scores.logsumexp(dim=1, keepdim=True)
            each = log_sum - (1 - smoothing) * scores.gather(1, targets)
            losses.append((each - smoothing * scores.mean(dim=1, keepdim=True) if smoothing else each).sum())
            if d_rows is None or d_weight is None:
                continue
            gradient = scores.sub_(log_sum).exp_()
            if smoothing:
                gradient -= smoothing / len(weight)
            gradient.scatter_add_(1, targets, gradient.new_full(targets.shape, smoothing - 1))
            if d_bias is not None:
                d_bias += gradient.sum(dim=0)
            if kind == here.dtype == weight.dtype:  # into memory that is already there
                torch.mm(gradient.to(kind), weight, out=d_rows[start : start + piece])
                d_weight.addmm_(gradient.to(kind).T, here)
            else:  # pieces in half precision, their sum as the parameters are
                d_rows[start : start + piece] = gradient.to(kind) @ weight.to(kind)
                d_weight += gradient.to(kind).T @ here.to(kind)
        ctx.gradients = (d_rows, d_weight, d_bias)
        return torch.stack(losses).sum()

    @staticmethod
    def backward(ctx: Any, upper: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise UserError("a loss in pieces has first derivatives only; for higher ones raise loss.scores_at_once")
        return *(None if part is None else part * upper.to(part.dtype) for part in ctx.gradients), None, None, None


def doubly_stochastic_penalty(
    attention: Float[Tensor, "batch time places"], valid: Bool[Tensor, "batch time"]
) -> Float[Tensor, ""]:
    """Σ_i (1 − Σ_t α_ti)², averaged over the L places and summed over pictures; it asks that every place be looked at
    about once over a caption.

    Xu et al. (2015), equation 14, sum over places: their weight λ = 1 is a weight of L here. With the mean, a weight
    means the same for maps of any size.
    """
    looked = (attention * valid.unsqueeze(-1)).sum(dim=1)
    return (1.0 - looked).square().mean(dim=1).sum()


def sequence_log_probability(
    logits: Float[Tensor, "batch time vocabulary"],
    targets: Int[Tensor, "batch time"],
    valid: Bool[Tensor, "batch time"],
) -> Float[Tensor, " batch"]:
    """The log-probability of each whole sequence, in nats."""
    each = at_least_single(logits).log_softmax(dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return torch.where(valid, each, 0.0).sum(dim=1)
