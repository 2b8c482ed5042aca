"""Learning-rate schedules over the whole run, and which parameters get which decay and rate."""

from seqvision.optim.groups import build_optimizer
from seqvision.optim.schedules import constant, cosine, exponential, step

__all__ = ["build_optimizer", "constant", "cosine", "exponential", "step"]
