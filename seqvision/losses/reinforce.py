"""The score-function gradient of where to look (Williams, 1992; Mnih et al., 2014, equation 2)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def reinforce(
    log_p: Float[Tensor, "batch looks"],
    returns: Float[Tensor, "batch looks"],
    baselines: Float[Tensor, "batch looks"],
    valid: Bool[Tensor, "batch looks"] | None = None,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The policy's loss, −Σ log p (return − baseline), and the baselines', Σ (return − baseline)², summed over all.

    The gradient of the first is the REINFORCE estimate with a baseline and reaches only what `log_p` is made of; that
    of the second reaches only the baselines. `valid`: looks that count; None for all.
    """
    advantage = returns - baselines
    policy, baseline = -log_p * advantage.detach(), advantage.square()
    if valid is not None:
        policy, baseline = policy.masked_fill(~valid, 0.0), baseline.masked_fill(~valid, 0.0)
    return policy.sum(), baseline.sum()


def returns_of(
    rewards: Float[Tensor, "batch looks"], discount: int | float = 1.0, *, every: int = 1
) -> Float[Tensor, "batch looks"]:
    """What each look still brings: the rewards from it on, those of k symbols later weighed by discount to the k.

    every: how many looks a symbol has, among which nothing is discounted.
    """
    total = torch.zeros_like(rewards[:, 0])
    found = []
    for look, reward in reversed([*enumerate(rewards.unbind(1))]):
        total = reward + (discount if (look + 1) % every == 0 else 1) * total
        found.append(total)
    return torch.stack(found[::-1], dim=1)
