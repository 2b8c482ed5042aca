"""Pictures whose features are cached, and the features as the encoder itself gives them."""

from collections import Counter
from pathlib import Path

import torch
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor

from seqvision.encoders import FeatureCache, SmallCNN

PICTURES = 20


def write_pictures(folder: Path) -> list[Path]:
    """Small pictures of noise in a new folder."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for index in range(PICTURES):
        pixels = torch.randint(0, 256, (16, 16, 3), dtype=torch.uint8, generator=generator)
        Image.fromarray(pixels.numpy()).save(folder / f"{index:02d}.png")
    return sorted(folder.iterdir())


def small(**settings) -> SmallCNN:
    """A frozen encoder, always with the same weights."""
    torch.manual_seed(0)
    given = {"channels": (4, 8), "strides": (2, 2), "pooled": True, "trainable": "none", "image_size": 16}
    return SmallCNN(**{**given, **settings}).eval()


def load(path: Path) -> torch.Tensor:
    """The pixels (channels, height, width) of a picture."""
    with Image.open(path) as picture:
        return pil_to_tensor(picture)


class Counting:
    """Reads a picture and remembers which; `compute` needs the first one always, for the shape."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()

    def __call__(self, path: Path) -> torch.Tensor:
        self.names[path.name] += 1
        return load(path)


def compute(folder: Path, paths: list[Path], load=load, encoder=None, split="train", key="png", **settings):
    """The table of features, from the cache in `folder` where they lie there."""
    cache = FeatureCache(folder / "cache", dtype=settings.pop("dtype", "float32"))
    settings = {"batch_size": 4, **settings}
    return cache.compute(encoder or small(), load, paths, split=split, transform_key=key, **settings)


def truth(paths: list[Path], encoder=None) -> torch.Tensor:
    """The features, computed at once and without a cache."""
    with torch.no_grad():
        return (encoder or small())(torch.stack([load(path) for path in paths]))
