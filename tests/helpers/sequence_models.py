"""Small classifiers and labellers with random weights, in memory and as the checkpoints that training would leave."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from checkpoints import save_checkpoint
from torch import nn

from seqvision.data.sequences.readers.base import FrameReader
from seqvision.encoders import LinearFront
from seqvision.inference.build import build
from seqvision.inference.checkpoint import contents
from seqvision.inference.registry import NETWORKS
from seqvision.models import FrameLabeller, SequenceClassifier
from seqvision.rnn import Cell, ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, Recurrent

CELLS: list[type[Cell]] = [ElmanCell, LayerNormElmanCell, LSTMCell, LayerNormLSTMCell, GRUCell]
FEATURES = 4


def network(kind: type[nn.Module] = FrameLabeller, cell: type[Cell] = GRUCell, *, classes: int = 3, **settings: Any):
    """A network over features in evaluation mode, always with the same weights; `rnn` settings by name."""
    own = {name: settings.pop(name) for name in ("pooling", "dropout", "changes", "front") if name in settings}
    torch.manual_seed(7)
    rnn = partial(Recurrent, cell, **{"hidden_size": 6, **settings})
    front = own.pop("front", partial(LinearFront, size=5))
    return strong(kind(front, rnn, classes=classes, frames={"features": FEATURES}, **own)).eval()


def strong(model):
    """The model with weights so large that its input matters."""
    draws = torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(std=1.5 * parameter[0].numel() ** -0.5, generator=draws)
    return model


def described(front: dict[str, Any], rnn: str = "GRUCell", **settings: Any) -> dict[str, Any]:
    """A network as configurations describe it."""
    rnn_settings = {name: settings.pop(name) for name in ("bidirectional", "num_layers") if name in settings}
    return {
        "front": {"_partial_": True, **front},
        "rnn": {
            "_target_": "seqvision.rnn.Recurrent",
            "_partial_": True,
            "cell": {"_target_": f"seqvision.rnn.{rnn}", "_partial_": True},
            "hidden_size": 8,
            **rnn_settings,
        },
        "dropout": 0.0,
        **settings,
    }


LINEAR = {"_target_": "seqvision.encoders.LinearFront", "size": 6}
EMBEDDING = {"_target_": "seqvision.encoders.EmbeddingFront", "size": 6}
PICTURES = {
    "_target_": "seqvision.encoders.PictureFront",
    "size": 6,
    "encoder": {
        "_target_": "seqvision.encoders.SmallCNN",
        "image_size": 24,
        "channels": [4, 4],
        "strides": [2, 4],
        "pooled": True,
    },
}


def save_run(
    folder: Path,
    pattern: str,
    model: dict[str, Any],
    reader: FrameReader,
    classes: tuple[str, ...],
    *,
    config: dict[str, Any] | None = None,
    seed: int = 0,
    **held: Any,
) -> Path:
    """The folder with `best.ckpt` of a network that was never trained."""
    target = {"classification": SequenceClassifier, "labelling": FrameLabeller}[pattern]
    sizes = {"classes": len(classes), "frames": reader.sizes}
    description = {"_target_": f"seqvision.models.{target.__name__}", **model, **sizes}
    torch.manual_seed(seed)
    made = build(description, NETWORKS)
    draws = torch.Generator().manual_seed(seed + 1)
    for parameter in made.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(std=1.5 * parameter[0].numel() ** -0.5, generator=draws)
    parts = {
        "classes": list(classes),
        "multilabel": False,
        "reader": {"kind": type(reader).__name__, **reader.settings()},
        **held,
    }
    weights = {f"model.{name}": value for name, value in made.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_checkpoint(
        {"seqvision": contents(config or {}, description, parts, pattern=pattern), "state_dict": weights},
        folder / "best.ckpt",
    )
    return folder
