"""Checkpoints as training leaves them: sealed with their digest."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from seqvision.digest import seal


def save_checkpoint(checkpoint: dict[str, Any], path: Path) -> Path:
    """The path, where the checkpoint is now, with the digest of what it holds."""
    with suppress(KeyError, TypeError):  # what lacks weights or holds no plain data has no digest
        seal(checkpoint)
    torch.save(checkpoint, path)
    return path
