"""Lightning's trainer as tests want it: on the CPU, silent, without files."""

from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer


def quiet_trainer(folder: Path | None = None, *, max_epochs: int = 1, **settings: Any) -> Trainer:
    """A trainer that leaves nothing behind but what a test asks for."""
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        max_epochs=max_epochs,
        **settings,
    )
