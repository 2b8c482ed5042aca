"""What one does before a long run: where the loss begins, learning a few items by heart, what every layer does, how far
a step moves the weights, which rate, and where the time goes. Takes a task and batches; knows no configuration.
"""

from seqvision.checks.advice import advice
from seqvision.checks.examine import Examination, Memorised, examine, memorise, update_ratios
from seqvision.checks.layers import LayerRecord, histogram, record_layers
from seqvision.checks.learner import Learner, Learns
from seqvision.checks.rates import RateCurve, Suggestion, ladder, rising, suggested
from seqvision.checks.times import step_times

__all__ = [
    "Learner",
    "Learns",
    "examine",
    "Examination",
    "memorise",
    "Memorised",
    "update_ratios",
    "record_layers",
    "LayerRecord",
    "histogram",
    "step_times",
    "advice",
    "RateCurve",
    "Suggestion",
    "ladder",
    "rising",
    "suggested",
]
