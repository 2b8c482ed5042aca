"""The recurrent attention model: one label of a picture, by a few looks at small parts of it.

Source: Mnih, Heess, Graves and Kavukcuoglu, "Recurrent Models of Visual Attention" (2014).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.attention.glimpse import GlimpseSensor, Scene
from seqvision.errors import expect_counts
from seqvision.models.reader import GlimpseReader, Policy
from seqvision.rnn import Recurrent, State, stepwise


class GlimpseNetwork(nn.Module):
    """A vector of what was seen and where: ReLU(W ReLU(patches) + V ReLU(place)), section 2.1 and 4 of the paper."""

    def __init__(self, pixels: int, *, what: int = 128, where: int = 128, size: int = 256):
        super().__init__()
        self.what = nn.Sequential(nn.Linear(pixels, what), nn.ReLU(), nn.Linear(what, size))
        self.where = nn.Sequential(nn.Linear(2, where), nn.ReLU(), nn.Linear(where, size))

    def forward(
        self, patches: Float[Tensor, "batch scales channels size size"], places: Float[Tensor, "batch 2"]
    ) -> Float[Tensor, "batch vector"]:
        return torch.relu(self.what(patches.flatten(1)) + self.where(places))


class RAM(GlimpseReader):
    """Sensor, glimpse network, recurrent core, and from the core's output the class, the next place and the baseline;
    the core learns by the class alone.

    rnn: a partial of `Recurrent` that lacks its input size; any cell, any number of layers, forward.
    classes, objects: how many there are, and how many of them a label has at most (an end mark counted, where labels
        differ in length). pictures: their number of `channels`.
    size, scales, zoom: of the sensor. looks, policy: see `Reader`.
    what, where, glimpse: units of the glimpse network. spread, learn_spread: of drawn places, see `Locator`.
    dropout: on what the head sees.
    """

    def __init__(
        self,
        rnn: Callable[..., Recurrent],
        *,
        classes: int,
        pictures: Mapping[str, int | None],
        objects: int = 1,
        looks: int = 6,
        size: int = 8,
        scales: int = 1,
        zoom: int = 2,
        what: int = 128,
        where: int = 128,
        glimpse: int = 256,
        spread: int | float = 0.1,
        learn_spread: bool = False,
        policy: Policy = "learnt",
        dropout: int | float = 0.0,
    ):
        super().__init__()
        expect_counts(looks=looks, what=what, where=where, glimpse=glimpse)
        self.classes, self.objects, self.looks = classes, objects, looks
        self.sensor = GlimpseSensor(size, scales=scales, zoom=zoom)
        self.glimpse = GlimpseNetwork(
            scales * (pictures["channels"] or 1) * size * size, what=what, where=where, size=glimpse
        )
        self.rnn = stepwise(rnn, input_size=glimpse)
        self.register_buffer("begins", torch.zeros(self.rnn.output_size))
        self.choose(self.rnn.output_size, policy=policy, spread=spread, learnt_spread=learn_spread)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.rnn.output_size, classes)

    begins: Tensor

    def begin(self, scene: Scene) -> tuple[tuple[State, ...], Float[Tensor, "batch vector"]]:
        number = len(scene.sizes)
        return self.rnn.initial_state(number), self.begins.expand(number, -1)

    def look(
        self,
        patches: Float[Tensor, "batch scales channels size size"],
        places: Float[Tensor, "batch 2"],
        state: Any,
    ) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch vector"], tuple[State, ...]]:
        output, state = self.rnn.step(self.glimpse(patches, places), state)
        return self.output(self.dropout(output)), output.detach(), state
