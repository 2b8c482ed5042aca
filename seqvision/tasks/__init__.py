"""Patterns of training: a batch in, loss and metrics out. No layers here."""

from seqvision.tasks.base import Task
from seqvision.tasks.captioning import Captioning, Prediction, SelfCriticalCaptioning

__all__ = ["Task", "Captioning", "SelfCriticalCaptioning", "Prediction"]
