"""Captioned pictures in a folder, and what is cut into shards of them."""

import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from seqvision.data import ImageTransform, ShardCaptions

COUNTS = {"train": 23, "val": 7, "test": 5}  # odd, so that nothing comes out even
SOURCE = {"command": "seqvision data shard …"}


def make_pictures(root: Path) -> Path:
    """Noise in several formats and sizes, with one or two captions each, in a table with splits."""
    random = np.random.default_rng(0)
    rows = ["image,caption,split"]
    for split, count in COUNTS.items():
        for number in range(count):
            name = f"{split}_{number}.{('jpg', 'png')[number % 2]}"
            pixels = random.integers(0, 256, (12 + number, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name)
            rows += [f"{name},picture {number} of {split},{split}"]
            rows += [f"{name},“{number}”, {split},{split}".replace(", ", " ")] * (number % 2)
    (root / "captions.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


def shard_data(folder: Path, *, rank: int = 0, ranks: int = 1, **settings) -> ShardCaptions:
    """Captions from shards, as the process of that rank would read them."""
    data = ShardCaptions(folder=folder, transform=ImageTransform(8), **{"buffer": 6, "batch_size": 4, **settings})
    data.trainer = SimpleNamespace(
        global_rank=rank,
        world_size=ranks,
        num_devices=ranks,
        num_nodes=1,
        accumulate_grad_batches=1,
        max_epochs=20,
        num_training_batches=math.inf,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
    )
    return data


def read_all(root: Path) -> None:
    """Every batch of training and validation, for what goes wrong meanwhile."""
    data = shard_data(root)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        for _ in loader:
            pass


def cut(file: Path) -> None:
    """Takes the end off the file."""
    os.truncate(file, file.stat().st_size - 70)
