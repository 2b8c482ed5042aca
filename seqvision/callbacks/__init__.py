"""Callbacks that Lightning does not have, and trackers that cannot stop a run."""

from seqvision.callbacks.agreement import SameConfiguration
from seqvision.callbacks.averaging import AveragedWeights
from seqvision.callbacks.budget import ProcessorTime
from seqvision.callbacks.checkpoints import AtomicCheckpointIO, BestCheckpoint, LastCheckpoint, TopCheckpoints
from seqvision.callbacks.clock import Clock
from seqvision.callbacks.divergence import Diverged, StopOnDivergence, steps_per_epoch
from seqvision.callbacks.forgetting import Forgetting
from seqvision.callbacks.progress import progress_bar
from seqvision.callbacks.snapshots import Snapshots
from seqvision.callbacks.tracking import ConfigurationRecord, PredictionTable, tensorboard_logger, wandb_logger
from seqvision.callbacks.unfreezing import Unfreezing

__all__ = [
    "AtomicCheckpointIO",
    "BestCheckpoint",
    "LastCheckpoint",
    "TopCheckpoints",
    "Clock",
    "Diverged",
    "StopOnDivergence",
    "steps_per_epoch",
    "Forgetting",
    "AveragedWeights",
    "Snapshots",
    "ProcessorTime",
    "Unfreezing",
    "SameConfiguration",
    "progress_bar",
    "wandb_logger",
    "tensorboard_logger",
    "ConfigurationRecord",
    "PredictionTable",
]
