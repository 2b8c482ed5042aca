"""Muon for what is a matrix, AdamW for the rest."""

from typing import ClassVar

import timm.optim
from torch import nn


class Muon(timm.optim.Muon):
    """timm's Muon (Jordan et al., 2024): the momentum's matrix with all singular values brought near 1, by
    Newton-Schulz iterations in bfloat16. A convolution's kernel counts as the matrix (outputs, all that it sees).

    What is no matrix, has a side below 4 or is 128 times as long as wide moves by AdamW, at the same scheduled rate;
    with `adjust_lr_fn="match_rms_adamw"` a matrix moves by 0.2 √(longer side) times the rate, about as far as under
    AdamW (Liu et al., 2025, equation 4), so that one rate serves both.
    """

    apart: ClassVar[tuple[type[nn.Module], ...]] = (nn.Embedding,)  # tables, no maps from vectors to vectors
    apart_options: ClassVar[dict[str, bool]] = {"use_fallback": True}
