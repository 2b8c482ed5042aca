"""Patterns of training: a batch in, loss and metrics out. No layers here."""

from seqvision.tasks.base import Task
from seqvision.tasks.captioning import Captioning, SelfCriticalCaptioning
from seqvision.tasks.classification import Classification
from seqvision.tasks.descent import Descent
from seqvision.tasks.labelling import Labelling
from seqvision.tasks.painting import Painting
from seqvision.tasks.reading import GlimpseReading
from seqvision.tasks.translation import Translation
from seqvision.tasks.words import Prediction, WordTask

__all__ = [
    "Classification",
    "Labelling",
    "GlimpseReading",
    "Painting",
    "Descent",
    "Task",
    "Captioning",
    "SelfCriticalCaptioning",
    "Translation",
    "Prediction",
    "WordTask",
]
