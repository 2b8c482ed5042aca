"""Losses that torch does not have, as sums over valid steps together with their number."""

from seqvision.losses.classes import SequenceClassCrossEntropy, WeightedLoss, balanced_weights
from seqvision.losses.frames import FrameBinaryCrossEntropy, FrameCrossEntropy, FrameLoss, truncated_smoothing
from seqvision.losses.hinge import FrameHinge, SequenceClassHinge
from seqvision.losses.penalty import ElasticNet
from seqvision.losses.sequence import SequenceCrossEntropy, doubly_stochastic_penalty, sequence_log_probability

__all__ = [
    "SequenceCrossEntropy",
    "doubly_stochastic_penalty",
    "sequence_log_probability",
    "SequenceClassCrossEntropy",
    "SequenceClassHinge",
    "FrameHinge",
    "ElasticNet",
    "WeightedLoss",
    "balanced_weights",
    "FrameLoss",
    "FrameCrossEntropy",
    "FrameBinaryCrossEntropy",
    "truncated_smoothing",
]
