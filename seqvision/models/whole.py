"""A CNN that sees all of a picture at once: what looks are worth shows beside one that takes as many operations."""

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from seqvision.attention.glimpse import GlimpseSensor, as_unit
from seqvision.errors import UserError
from seqvision.models.reader import Policy, Reader, Reading


class WholePicture(Reader):
    """Three 3 x 3 convolutions of w, 2 w and 4 w channels, halved after each, 16 w hidden units, and every symbol's
    scores; w is as large as `multiply_adds` of one picture allow.

    classes, objects: how many there are, and how many of them a label has at most (an end mark counted, where labels
        differ in length). pictures: their `channels`, `height` and `width`; others are stretched to these.

    As a reader it has one look for each symbol, at the centre, all at the same time.

    UserError if not even w = 1 is so cheap.
    """

    policy: Policy = "centre"
    looks = 1

    def __init__(
        self,
        *,
        classes: int,
        pictures: Mapping[str, int | None],
        objects: int = 1,
        multiply_adds: int = 2_000_000,
        dropout: int | float = 0.0,
    ):
        super().__init__()
        self.classes, self.objects = classes, objects
        self.shape = (pictures["height"] or 1, pictures["width"] or 1)
        self.sensor = GlimpseSensor(max(self.shape))
        colours = pictures["channels"] or 1
        width = 0
        while self._cost(colours, width + 1) <= multiply_adds:
            width += 1
        if not width:
            raise UserError(
                f"model.multiply_adds is {multiply_adds}, too few for a CNN on {self.shape[0]} x {self.shape[1]} "
                f"pixels; the narrowest takes {self._cost(colours, 1)}"
            )
        layers: list[nn.Module] = []
        for before, after in pairwise(self._channels(colours, width)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
        height, breadth = self._sides()[-1]
        self.network = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(4 * width * height * breadth, 16 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(16 * width, objects * classes),
        )

    def forward(
        self,
        pictures: Shaped[Tensor, "batch channels height width"],
        sizes: Int[Tensor, "batch 2"] | None = None,
        *,
        sample: bool = False,
    ) -> Reading:
        scores = self.network(self._fitted(pictures, sizes)).unflatten(1, (self.objects, self.classes))
        nothing = scores.new_zeros(scores.shape[:2])
        return Reading(scores, scores.new_zeros(*scores.shape[:2], 2), nothing, nothing)

    def _fitted(self, pictures: Tensor, sizes: Tensor | None) -> Tensor:
        """Pixels from 0 to 1, all of the shape that the network knows."""
        pixels = as_unit(pictures)
        shapes = sizes.long().tolist() if sizes is not None else [list(pictures.shape[2:])] * len(pictures)
        if all(tuple(shape) == self.shape == tuple(pictures.shape[2:]) for shape in shapes):
            return pixels
        cut = (picture[None, :, :height, :width] for picture, (height, width) in zip(pixels, shapes, strict=True))
        return torch.cat([F.interpolate(each, self.shape, mode="bilinear", antialias=True) for each in cut])

    def _sides(self) -> list[tuple[int, int]]:
        sides = [self.shape]
        for _ in range(3):
            height, width = sides[-1]
            sides.append((-(-height // 2), -(-width // 2)))
        return sides

    @staticmethod
    def _channels(colours: int, width: int) -> list[int]:
        return [colours, width, 2 * width, 4 * width]

    def _cost(self, colours: int, width: int) -> int:
        sides = self._sides()
        channels = pairwise(self._channels(colours, width))
        convolutions = sum(
            9 * before * after * side[0] * side[1] for (before, after), side in zip(channels, sides, strict=False)
        )
        hidden = 16 * width
        return convolutions + 4 * width * sides[-1][0] * sides[-1][1] * hidden + hidden * self.objects * self.classes
