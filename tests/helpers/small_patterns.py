"""Every pattern at a size for tests: the task with its network and data, as `seqvision train` would build them."""

from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from seqvision.cli.build import build
from seqvision.cli.config import conf_dir, plain
from seqvision.data.loading import Item

SMALL: dict[str, list[str]] = {
    "captioning": [
        "data.counts={train: 40, val: 12}",
        "data.transform.size=32",
        "encoder.channels=[8, 16]",
        "encoder.strides=[2, 4]",
        "model.embedding_size=16",
        "rnn.hidden_size=24",
    ],
    "classification": ["rnn.hidden_size=24", "front.size=16"],
    "labelling": [
        "data.counts={train: 12, val: 2, test: 2}",
        "data.size=16",
        "data.frames=12",
        "encoder.channels=[8]",
        "encoder.strides=[2]",
        "encoder.grid=2",
        "rnn.hidden_size=16",
        "data.batch_size=4",
    ],
    "translation": ["model.embedding_size=16", "rnn.hidden_size=24"],
    "reading": ["model.what=16", "model.where=16", "model.glimpse=24", "model.looks=3", "rnn.hidden_size=24"],
    "painting": ["model.steps=3", "model.latent_size=8", "rnn.hidden_size=24"],
}


def overrides(pattern: str, folder: Path, *more: str) -> list[str]:
    """What one would type for a small run of the pattern, its data drawn in the folder."""
    own = [f"pattern={pattern}", *SMALL[pattern], "data.num_workers=0", "trainer.accelerator=cpu", "cache=null"]
    drawn = [f"data.folder={folder / pattern}"] if pattern in ("captioning", "labelling") else []
    return [*own, *drawn, *more]


def small_task(pattern: str, folder: Path, *more: str) -> tuple[Any, Any]:
    """The task and the data."""
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = plain(compose("train", overrides=[f"run_dir={folder}", *overrides(pattern, folder, *more)]))
    return build(OmegaConf.create(config), config, torch.device("cpu"))


def some(data: Any, number: int) -> Any:
    """A batch of the first training items."""
    return data.dataset("train", training=False).__getitems__([Item(index, index) for index in range(number)])
