"""Small networks that read pictures by glimpses, for tests."""

import torch
from checkpoints import save_checkpoint

from seqvision.data.labelled.reader import WholePictureReader
from seqvision.inference.checkpoint import contents

STOPPING = [[0.0, 40.0, 1.0], [0.5, 60.0, 2.0], [1.1, 61.0, 3.0]]


def save_reader(folder, symbols, *, network="RAM", channels=1, seed=0, shape=(9, 9), **settings):
    """A run's folder with a reader of random weights."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    description = {
        "_target_": f"seqvision.models.{network}",
        "rnn": {
            "_target_": "seqvision.rnn.Recurrent",
            "_partial_": True,
            "cell": {"_target_": "seqvision.rnn.LayerNormElmanCell", "_partial_": True},
            "hidden_size": 8,
        },
        "classes": symbols.classes,
        "objects": symbols.objects,
        "pictures": {"channels": channels},
        "looks": 3,
        "size": 4,
        **settings,
    }
    torch.manual_seed(seed)
    model = instantiate(OmegaConf.create(description))
    reader = WholePictureReader(shape=(*shape, channels))
    held = {"symbols": symbols.settings(), "reader": reader.settings(), "stopping": STOPPING}
    if symbols.objects > 1:
        held.pop("stopping")
    save_checkpoint(
        {
            "state_dict": {f"model.{name}": value for name, value in model.state_dict().items()},
            "seqvision": contents({}, description, held, pattern="reading"),
        },
        folder / "best.ckpt",
    )
    return folder
