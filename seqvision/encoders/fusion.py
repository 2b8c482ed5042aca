"""Several encoders' features together in one network."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from seqvision.encoders.base import Encoder, Trainable
from seqvision.encoders.normalisation import Norm
from seqvision.errors import UserError

JOINS = ("concatenate", "project", "gate")


class Fusion(Encoder):
    """The features of several encoders, joined at each place (or in each pooled vector).

    Every encoder gets the same pictures, makes its own pixels of them, and trains or is frozen as its own `trainable`
    says. Maps of different sizes are brought to the largest by bilinear interpolation.

    Args:
        encoders: by name, or in a list, for pictures of one size; what they say of `pooled` and `grid` does not count
        join: "concatenate", side by side; "project", the sum of a linear layer's output for each (normalised first, so
            that no encoder is heard for its scale alone); "gate", the same weighted by a softmax over the encoders
            that all of them decide on, place by place (after Arevalo et al., 2017, Gated Multimodal Units, equation 1)
        size: C of the features for "project" and "gate"
        in_channels: of the empty picture that sizes are found with
        trainable: "each" (as every encoder says itself), or, for all of them and the join, "all", "none" or the number
            of last stages of each
        norm: for all encoders in place of their own
    """

    def __init__(
        self,
        encoders: Mapping[str, Any] | Sequence[Any],
        *,
        join: str = "concatenate",
        size: int = 256,
        image_size: int | None = None,
        in_channels: int = 3,
        pooled: bool = False,
        grid: int = 1,
        norm: Norm | None = None,
        trainable: Trainable = "each",
    ) -> None:
        named = encoders if isinstance(encoders, Mapping) else {str(index): each for index, each in enumerate(encoders)}
        if len(named) < 2:
            raise UserError(f"encoder.encoders: {len(named)} there; a fusion needs two or more")
        for name, each in named.items():
            if not isinstance(each, Encoder) or isinstance(each, Fusion):
                raise UserError(f"encoder.encoders.{name}: {type(each).__name__}, expected a single encoder")
        sizes = {image_size or next(iter(named.values())).image_size, *(each.image_size for each in named.values())}
        if len(sizes) > 1:
            raise UserError(f"encoder.encoders: for pictures of {sorted(sizes)} pixels; expected one image_size")
        super().__init__(
            image_size=sizes.pop(), in_channels=in_channels, pooled=pooled, grid=grid, mean=(0.0,), std=(1.0,)
        )
        self.encoders = nn.ModuleDict(named)
        self._own = [each._trainable for each in self._encoders()]
        for each in self._encoders():
            each.swap_norms(norm)
        self.join = Join([self._channels(each) for each in self._encoders()], join=join, size=size, cells=grid**2)
        self.feature_size = self.join.size * grid**2
        self.set_trainable(trainable)

    def forward(self, images: Shaped[Tensor, "batch channels height width"]) -> Float[Tensor, "batch *places features"]:
        """Features of uint8 pictures, or of floats in [0, 1]."""
        return self.join([part(images) for part in self.parts()])

    def maps(self, pixels: Float[Tensor, "batch channels height width"]) -> list[Tensor]:
        """The joined map (B, C, H, W)."""
        whole = copy.copy(self)
        whole.pooled = False
        return [whole(pixels).permute(0, 3, 1, 2)]

    def parts(self) -> list[Encoder]:
        """The encoders with the same weights, pooled as the fusion is."""
        found = []
        for each in self._encoders():
            part = copy.copy(each)
            part.pooled, part.grid = self.pooled, self.grid
            found.append(part)
        return found

    def stage_modules(self) -> list[list[nn.Module]]:
        """The encoders' stages side by side, the last ones together; the join is of the last."""
        stages = [each.stage_modules() for each in self._encoders()]
        longest = max(len(each) for each in stages)
        padded: list[list[list[nn.Module]]] = [[[]] * (longest - len(each)) + each for each in stages]
        together = [[module for stage in level for module in stage] for level in zip(*padded, strict=True)]
        together[-1] += list(self.join.modules())
        return together

    def fixed(self) -> "Encoder | None":
        """Where only the join trains, the encoders' features side by side."""
        if not self._join_alone_trains():
            return super().fixed()
        aside = copy.copy(self)
        aside._modules = {**self._modules}  # the copy's alone
        aside.join = Join(self.join.sizes, join="concatenate", size=0, cells=self.join.cells)
        aside.feature_size = aside.join.size * self.join.cells
        return aside

    def finish(self, features: Float[Tensor, "batch *places fixed"]) -> Float[Tensor, "batch *places features"]:
        if not self._join_alone_trains():
            return features
        cells = features.unflatten(-1, (self.join.cells, -1)) if self.pooled else features
        joined = self.join.at_each_place(list(cells.split(self.join.sizes, dim=-1)))
        return joined.flatten(-2) if self.pooled else joined

    def _join_alone_trains(self) -> bool:
        return not self.frozen and all(each.frozen for each in self._encoders())

    def set_trainable(self, trainable: Trainable) -> None:
        """Let each encoder train as it was built ("each"), or all, none, or their last n stages. The join trains
        unless nothing is to.
        """
        self._trainable = trainable
        for each, own in zip(self._encoders(), self._own, strict=True):
            each.set_trainable(own if trainable == "each" else trainable)
        self.join.requires_grad_(trainable not in ("none", 0))
        self.train(self.training)

    @property
    def loaded(self) -> bool:
        """True where one of the encoders begins with weights that were learnt elsewhere."""
        return any(each.loaded for each in self._encoders())

    def pretrained(self) -> str:
        """Every encoder has its own."""
        return "each"

    def _encoders(self) -> list[Encoder]:
        return list(self.encoders.values())  # type: ignore[arg-type]  # a ModuleDict knows Modules only

    def _channels(self, encoder: Encoder) -> int:
        """The channels of the encoder's map, which tries its network on pictures of this size."""
        return sum(each.shape[1] for each in encoder._probe(self.image_size))


class Join(nn.Module):
    """One set of features from several that belong to the same picture: (batch, H, W, C) of maps, or (batch, cells · C)
    of vectors.

    sizes: C of each. For the rest see `Fusion`.

    Attributes:
        size: C of what comes out
    """

    def __init__(self, sizes: Sequence[int], *, join: str, size: int, cells: int = 1) -> None:
        super().__init__()
        if join not in JOINS:
            raise UserError(f"encoder.join is {join!r}; expected one of {', '.join(JOINS)}")
        self.kind, self.cells, self.sizes = join, cells, list(sizes)
        self.size = sum(sizes) if join == "concatenate" else size
        learnt = [] if join == "concatenate" else sizes
        self.norms = nn.ModuleList(nn.LayerNorm(each) for each in learnt)
        self.projections = nn.ModuleList(nn.Linear(each, size) for each in learnt)
        self.gate = nn.Linear(sum(sizes), len(sizes)) if join == "gate" else None

    def forward(self, features: list[Tensor]) -> Float[Tensor, "batch *places size"]:
        if features[0].dim() == 2:
            cells = [each.unflatten(1, (self.cells, -1)) for each in features]
            return self.at_each_place(cells).flatten(1)
        return self.at_each_place(to_largest(features))

    def at_each_place(self, features: list[Tensor]) -> Float[Tensor, "batch *places size"]:
        """Features that agree in everything but their last dimension, joined along it."""
        if self.kind == "concatenate":
            return torch.cat(features, dim=-1)
        normed = [norm(each) for norm, each in zip(self.norms, features, strict=True)]
        projected = torch.stack([layer(each) for layer, each in zip(self.projections, normed, strict=True)], dim=-1)
        if self.gate is None:
            return projected.sum(dim=-1)
        shares = torch.softmax(self.gate(torch.cat(normed, dim=-1)), dim=-1)
        return (torch.tanh(projected) * shares.unsqueeze(-2)).sum(dim=-1)


def to_largest(maps: list[Tensor]) -> list[Tensor]:
    """Maps (batch, H, W, C) of one height and width, the largest among them."""
    size = [max(each.shape[axis] for each in maps) for axis in (1, 2)]
    return [
        each
        if list(each.shape[1:3]) == size
        else F.interpolate(each.permute(0, 3, 1, 2), size, mode="bilinear").permute(0, 2, 3, 1)
        for each in maps
    ]
