"""Callbacks that Lightning does not have, and trackers that cannot stop a run."""

from seqvision.callbacks.agreement import SameConfiguration
from seqvision.callbacks.averaging import AveragedWeights
from seqvision.callbacks.budget import ProcessorTime
from seqvision.callbacks.checkpoints import AtomicCheckpointIO, BestCheckpoint, LastCheckpoint, TopCheckpoints
from seqvision.callbacks.clock import Clock
from seqvision.callbacks.divergence import Diverged, StopOnDivergence, steps_per_epoch
from seqvision.callbacks.forgetting import Forgetting
from seqvision.callbacks.loggers import TolerantCSVLogger, tensorboard_logger, wandb_logger
from seqvision.callbacks.monitored import StopWithoutImprovement
from seqvision.callbacks.observer import Observer
from seqvision.callbacks.progress import progress_bar
from seqvision.callbacks.rates import LearningRates
from seqvision.callbacks.samples import Plot, Sample, Table
from seqvision.callbacks.snapshots import Snapshots
from seqvision.callbacks.stopping import StopOnSignal
from seqvision.callbacks.tracking import ConfigurationRecord, PredictionTable
from seqvision.callbacks.unfreezing import Unfreezing

__all__ = [
    "AtomicCheckpointIO",
    "BestCheckpoint",
    "LastCheckpoint",
    "TopCheckpoints",
    "StopWithoutImprovement",
    "Clock",
    "LearningRates",
    "Diverged",
    "StopOnDivergence",
    "steps_per_epoch",
    "Forgetting",
    "AveragedWeights",
    "Snapshots",
    "StopOnSignal",
    "ProcessorTime",
    "Unfreezing",
    "SameConfiguration",
    "progress_bar",
    "Observer",
    "Sample",
    "Table",
    "Plot",
    "TolerantCSVLogger",
    "wandb_logger",
    "tensorboard_logger",
    "ConfigurationRecord",
    "PredictionTable",
]
