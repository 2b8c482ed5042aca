"""A trained painter: new pictures, pictures painted again, and the ways between two."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from seqvision.data.binarise import binarised
from seqvision.data.labelled.reader import Picture, WholePictureReader
from seqvision.data.labelled.symbols import Symbols
from seqvision.errors import UserError
from seqvision.figures.canvases import Painted, as_colours, painted
from seqvision.inference.checkpoint import LoadedModel
from seqvision.models import Painter

MOST_STEPS = 10_000  # of a picture: a checkpoint may not ask for work without end


@dataclass(frozen=True)
class LoadedPainter(LoadedModel):
    """A painter with its classes' names, what reads pictures as it knows them, and how they become zeros and ones."""

    pattern: ClassVar[str] = "painting"
    network: ClassVar[type[nn.Module]] = Painter

    symbols: Symbols
    reader: WholePictureReader
    binarise: str

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        symbols, reader = Symbols(**held["symbols"]), WholePictureReader.from_settings(held["reader"])
        if reader.shape is None or (reader.shape[2], *reader.shape[:2]) != model.shape:
            raise UserError(f"reads pictures of {reader.shape} for a network of {model.shape}; take another copy")
        if not 0 < model.steps <= MOST_STEPS:
            raise UserError(f"paints in {model.steps} steps; expected {MOST_STEPS:,} at most")
        return {"symbols": symbols, "reader": reader, "binarise": str(held["config"]["task"]["binarise"])}

    def label(self, name: str) -> int:
        """The class of that name, of a painter that is told classes."""
        if not self.model.classes:
            raise UserError(f"--class {name}: this model is not told classes; train one with model.conditional=true")
        if name not in self.symbols.places:
            near = get_close_matches(name, self.symbols.names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(self.symbols.names)}"
            raise UserError(f"--class {name}: the model does not know it: {hint}")
        return self.symbols.places[name]

    def labels(self, names: Sequence[str] | None, number: int) -> Tensor | None:
        """A class for each of `number` pictures: those named, or all there are, again and again; None where the model
        is not told classes.
        """
        if names:
            places = [self.label(name) for name in names]
        elif self.model.classes:
            places = list(range(len(self.symbols.names)))
        else:
            return None
        return torch.tensor([places[index % len(places)] for index in range(number)], device=self.device)

    def pixels(self, pictures: Sequence[Picture]) -> UInt8[Tensor, "batch channels height width"]:
        """The pictures as the network's data were. `UserError`, naming the file, where one cannot be read."""
        return torch.stack([self.reader(picture) for picture in pictures])


@torch.inference_mode()
def sample(loaded: LoadedPainter, number: int, *, names: Sequence[str] | None = None, seed: int = 0) -> Painted:
    """New pictures, drawn by a generator with that seed. names: their classes, in turn."""
    generator = torch.Generator().manual_seed(seed)
    labels = loaded.labels(names, number)
    return painted(loaded.model, loaded.model.sample(number, labels, generator=generator, keep=True))


@torch.inference_mode()
def reconstruct(
    loaded: LoadedPainter,
    images: UInt8[Tensor, "batch channels height width"],
    ids: Sequence[str],
    *,
    names: Sequence[str] | None = None,
) -> tuple[np.ndarray, Painted]:
    """The pictures as the network was shown them, and as it paints them.

    ids: fix how they become zeros and ones. names: their classes, in turn; else those that they are likeliest of.
    """
    shown = binarised(images, loaded.binarise, ids=ids).to(loaded.device)
    labels = loaded.labels(names, len(shown)) if names else likeliest(loaded, shown)
    _, drawing = loaded.model.reconstruct(shown, labels, keep=True)
    return as_colours(shown), painted(loaded.model, drawing)


@torch.inference_mode()
def interpolate(
    loaded: LoadedPainter,
    images: UInt8[Tensor, "2 channels height width"],
    ids: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    number: int = 10,
) -> np.ndarray:
    """`number` pictures, uint8 (number, height, width, 3), from the first to the second; names: as of `reconstruct`."""
    shown = binarised(images, loaded.binarise, ids=ids).to(loaded.device)
    labels = loaded.labels(names, 2) if names else likeliest(loaded, shown)
    drawing = loaded.model.interpolate(shown[0], shown[1], labels, number=number)
    return as_colours(loaded.model.pixels.mean(drawing.canvas))


def likeliest(loaded: LoadedPainter, shown: Tensor) -> Tensor | None:
    """The class that each picture needs fewest nats with, at the means of its latent numbers; None where the model is
    not told classes.
    """
    model = loaded.model
    if not model.classes:
        return None
    noise = shown.new_zeros(len(shown), model.steps, model.latent_size)
    places = (torch.full((len(shown),), place, device=loaded.device) for place in range(model.classes))
    return torch.stack([model(shown, labels, noise=noise).nats for labels in places]).argmin(dim=0)
