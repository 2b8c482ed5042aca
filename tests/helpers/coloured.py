"""Pictures whose class is their colour, in folders, and weights that a network may begin with."""

from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image

COLOURS = {"red": (220, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 220)}


def write_coloured(folder: Path, *, each: int = 12, size: int = 32) -> Path:
    """A folder a colour, with noise on top."""
    draws = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = np.array(colour) + draws.normal(0, 25, (size, size, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


def write_weights(file: Path, name: str = "test_resnet") -> Path:
    """The state of a small network of timm, as if it had learnt elsewhere."""
    torch.manual_seed(0)
    torch.save(timm.create_model(name).state_dict(), file)
    return file
