"""Translators of numbers as training leaves them, without the training: random weights that look at every digit."""

from pathlib import Path

import torch
from checkpoints import save_checkpoint
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from seqvision.cli.config import conf_dir, plain
from seqvision.inference.checkpoint import contents


def make_translator(folder: Path, *changes: str, seed: int = 0) -> Path:
    """The folder, with `best.ckpt` in it: a translator with attention, of the numbers from 0 to 999."""
    settings = [
        "pattern=translation",
        f"run_dir={folder}",
        "data.below=1000",
        "data.sizes={train: 200, val: 10, test: 10}",
        *([] if "attention=none" in changes else ["attention.size=8"]),
        "rnn.hidden_size=16",
        "model.embedding_size=12",
        "decoding.max_length=12",
        f"seed={seed}",
    ]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = plain(compose("train", overrides=[*settings, *changes]))
    data = instantiate(config["data"])
    sizes = data.model_sizes()
    model = instantiate(config["model"], **sizes)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() > 1:  # strong enough for the digits to make a difference
            parameter.data.normal_(std=2 * parameter[0].numel() ** -0.5, generator=generator)
    held = contents(config, {**config["model"], **sizes}, data.held(), pattern="translation")
    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{name}": value for name, value in model.state_dict().items()}
    save_checkpoint({"seqvision": held, "state_dict": weights}, folder / "best.ckpt")
    return folder
