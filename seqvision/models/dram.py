"""The deep recurrent attention model: the labels of several things in a picture, one after the other.

Source: Ba, Mnih and Kavukcuoglu, "Multiple Object Recognition with Visual Attention" (2015), section 3.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.attention.glimpse import GlimpseSensor, Scene
from seqvision.encoders.average import average_pool
from seqvision.errors import expect_counts
from seqvision.models.reader import GlimpseReader, Policy
from seqvision.rnn import Recurrent, StartingState, State, stepwise

Layers: TypeAlias = tuple[State, ...]


class ConvolutionalGlimpse(nn.Module):
    """A vector of what was seen and where: a CNN's features of the patches times 1 plus the place's.

    Section 3, "glimpse network", multiplies by the place's features alone, and has no pooling. With the 1, what is seen
    comes through before anything is known of where, and learning begins sooner: of strings of two digits on 12 x 30
    pixels 63 % of the symbols are right after 800 steps, 55 % without it; in the end it is no better, 80 % and 84 %
    after 2,000 (one seed each). The pooling, behind the first convolution, leaves a quarter of the places to what
    follows, and so a quarter of its cost.
    """

    def __init__(self, inputs: int, side: int, *, channels: Sequence[int], size: int):
        super().__init__()
        widths = [inputs, *channels]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        if channels:
            layers.insert(2, nn.MaxPool2d(2, ceil_mode=True))
            side = -(-side // 2)
        self.what = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * side * side, size), nn.ReLU())
        self.where = nn.Sequential(nn.Linear(2, size), nn.ReLU(), nn.Linear(size, size))

    def forward(
        self, patches: Float[Tensor, "batch scales channels size size"], places: Float[Tensor, "batch 2"]
    ) -> Float[Tensor, "batch vector"]:
        return self.what(patches.flatten(1, 2)) * (1 + self.where(places))


class ContextNetwork(nn.Module):
    """A vector of the whole picture, coarse: `side` x `side` pixels of it, through two convolutions (section 3)."""

    def __init__(self, channels: int, side: int, size: int):
        super().__init__()
        self.side = side
        self.network = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * (-(-side // 2)) ** 2, size),
            nn.ReLU(),
        )

    def forward(self, scene: Scene) -> Float[Tensor, "batch size"]:
        pictures = scene.levels[0]
        sizes = scene.sizes.long().tolist()
        if all(size == list(pictures.shape[2:]) for size in sizes):
            coarse = average_pool(pictures, self.side, self.side)
        else:
            cut = (picture[:, :height, :width] for picture, (height, width) in zip(pictures, sizes, strict=True))
            coarse = torch.cat([average_pool(picture.unsqueeze(0), self.side, self.side) for picture in cut])
        return self.network(coarse)


class DRAM(GlimpseReader):
    """Glimpse network, two recurrences one above the other, context network, and heads: what a thing is, said by the
    lower recurrence, which knows only what was looked at and learns by the labels; where to look, said by the upper
    one, which the context started, and which learns with the context network by the policy.

    rnn: a partial of `Recurrent` that lacks its input size, for either recurrence.
    classes, objects: how many there are, and how many of them a label has at most (an end mark counted, where labels
        differ in length). pictures: their number of `channels`.
    looks: for each object. size, scales, zoom: of the sensor. policy: see `Reader`.
    channels: of the glimpse network's convolutions, none for a linear one. glimpse: its units.
    coarse: pixels a side of what the context network sees; context: its units.
    spread, learn_spread: of drawn places, see `Locator`. dropout: on what the classes' head sees.
    """

    def __init__(
        self,
        rnn: Callable[..., Recurrent],
        *,
        classes: int,
        pictures: Mapping[str, int | None],
        objects: int = 1,
        looks: int = 3,
        size: int = 12,
        scales: int = 2,
        zoom: int = 2,
        channels: Sequence[int] = (16, 32),
        glimpse: int = 256,
        coarse: int = 12,
        context: int = 128,
        spread: int | float = 0.1,
        learn_spread: bool = False,
        policy: Policy = "learnt",
        dropout: int | float = 0.0,
    ):
        super().__init__()
        expect_counts(looks=looks, glimpse=glimpse, coarse=coarse, context=context)
        self.classes, self.objects, self.looks = classes, objects, looks
        colours = pictures["channels"] or 1
        self.sensor = GlimpseSensor(size, scales=scales, zoom=zoom)
        self.glimpse = ConvolutionalGlimpse(scales * colours, size, channels=channels, size=glimpse)
        self.lower = stepwise(rnn, input_size=glimpse)
        self.upper = stepwise(rnn, input_size=self.lower.output_size)
        self.context = ContextNetwork(colours, coarse, context)
        self.begins = StartingState(self.upper, context)
        self.choose(self.upper.output_size, policy=policy, spread=spread, learnt_spread=learn_spread)
        for part in self.led():
            part.requires_grad_(policy == "learnt")
        if looks * objects == 1:  # the upper recurrence says where a second glimpse goes: there is none to learn from
            self.upper.requires_grad_(False)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.lower.output_size, classes)

    def led(self) -> list[nn.Module]:
        return [self.upper, self.context, self.begins]

    def begin(self, scene: Scene) -> tuple[tuple[Layers, Layers], Float[Tensor, "batch vector"]]:
        upper = self.begins(self.context(scene))
        return (self.lower.initial_state(len(scene.sizes)), upper), self.upper.output(upper)

    def look(
        self,
        patches: Float[Tensor, "batch scales channels size size"],
        places: Float[Tensor, "batch 2"],
        state: Any,
    ) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch vector"], tuple[Layers, Layers]]:
        lower, upper = state
        what, lower = self.lower.step(self.glimpse(patches, places), lower)
        where, upper = self.upper.step(what.detach(), upper)
        return self.output(self.dropout(what)), where, (lower, upper)
