"""Callbacks that Lightning does not have."""

from seqvision.callbacks.checkpoints import AtomicCheckpointIO, LastCheckpoint
from seqvision.callbacks.progress import progress_bar

__all__ = ["AtomicCheckpointIO", "LastCheckpoint", "progress_bar"]
