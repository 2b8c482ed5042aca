"""Runs of classifiers and labellers as training leaves them, without the training, on data made on the spot."""

from pathlib import Path

import numpy as np
import torch
from checkpoints import save_checkpoint
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from seqvision.cli.config import conf_dir, plain
from seqvision.inference.checkpoint import contents

SMALL = ("rnn.hidden_size=8", "front.size=6")


def make_pattern_run(folder: Path, *changes: str, seed: int = 0) -> Path:
    """The folder, with `best.ckpt` of the network and the data that the overrides describe, its weights random."""
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = plain(compose("train", overrides=[f"run_dir={folder}", f"seed={seed}", *SMALL, *changes]))
    data = instantiate(config["data"])
    sizes = data.model_sizes()
    model = instantiate(config["model"], **sizes)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() > 1:  # strong enough for the input to make a difference
            parameter.data.normal_(std=2 * parameter[0].numel() ** -0.5, generator=generator)
    held = contents(config, {**config["model"], **sizes}, data.held(), pattern=config["pattern"])
    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{name}": value for name, value in model.state_dict().items()}
    save_checkpoint({"seqvision": held, "state_dict": weights}, folder / "best.ckpt")
    return folder


def write_sentences(file: Path, *, rows: int = 90) -> Path:
    """A table of short sentences, `good` where one has a good word, in three splits."""
    draws = np.random.default_rng(0)
    words = {"good": ["fine", "lovely", "<great>"], "bad": ["dull", "poor", "grim"]}
    lines = ["text,label,split"]
    for row in range(rows):
        label = ("good", "bad")[row % 2]
        filler = " ".join(draws.choice(["film", "plot", "cast", "end"], 3))
        split = ("train", "train", "train", "val", "test", "test")[row // 2 % 6]
        lines.append(f"{filler} {draws.choice(words[label])} {row},{label},{split}")
    file.write_text("\n".join(lines) + "\n")
    return file


def write_recordings(folder: Path, *, recordings: int = 8, multilabel: bool = False, order: str = "abc") -> Path:
    """Tables with a row a frame: two features, and labels that follow them, a tenth of the frames without one."""
    draws = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(recordings):
        labels = np.repeat(draws.permutation([0, 1, 2, 0, 1, 2]), draws.integers(4, 9, 6))
        x = np.stack([np.cos(2 * labels), np.sin(2 * labels)], axis=1) + draws.normal(0, 0.4, (len(labels), 2))
        split = ("train", "train", "val", "test")[number % 4]
        heads = [f"is_{name}" for name in order] if multilabel else ["label"]
        lines = [",".join(["x", "y", "split", *heads])]
        for frame, label in enumerate(labels):
            several = [str(int("abc"[label] == name or name == "a")) for name in order]
            said = several if multilabel else ["" if frame % 10 == 9 else "abc"[label]]
            lines.append(",".join([f"{x[frame, 0]:.3f}", f"{x[frame, 1]:.3f}", split, *said]))
        (folder / f"r{number}.csv").write_text("\n".join(lines) + "\n")
    return folder


def labelling(folder: Path, *changes: str) -> list[str]:
    """The overrides of a labeller of `write_recordings`."""
    own = ["pattern=labelling", "data=tables", f"data.path={folder}", "data.split_column=split"]
    return [*own, "data.label_column=label", "rnn.bidirectional=false", *changes]  # the state is carried on


def multilabelling(folder: Path) -> list[str]:
    """The same with several labels a frame."""
    own = ["pattern=labelling", "data=tables", f"data.path={folder}", "data.split_column=split"]
    return [*own, "data.multilabel=true", "data.label_columns=[is_a,is_b,is_c]", "data.reader.columns=[x,y]"]
