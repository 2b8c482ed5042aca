"""Tiny files of features, written where a test wants them."""

from pathlib import Path

import numpy as np

VALUES = np.arange(12.0).reshape(6, 2)  # six frames of two features


def npy(folder: Path, array, name: str = "a.npy") -> Path:
    """A NumPy file of that array."""
    np.save(folder / name, np.asarray(array))
    return folder / name


def table(folder: Path, text: str, name: str = "a.csv") -> Path:
    """A table of that text."""
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name
