"""A small convolutional network for small pictures, quick on a CPU."""

from collections.abc import Sequence
from math import gcd

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.encoders.base import Encoder, Trainable
from seqvision.encoders.normalisation import Norm, make_norm
from seqvision.encoders.weights import read_state_dict
from seqvision.errors import UserError


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """A normalisation layer, or none; "group" uses groups of channels // 8 and, unlike "batch", behaves alike in both
    modes. Others as of `make_norm`.
    """
    if norm == "none":
        return nn.Identity()
    return nn.GroupNorm(gcd(8, channels), channels) if norm == "group" else make_norm(norm, channels)


class ConvBlock(nn.Module):
    """Convolution, normalisation, ReLU; plus its input if `residual`."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, norm: Norm, residual=False):
        super().__init__()
        self.residual = residual
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=norm == "none")
        self.norm = normalisation(norm, outputs)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs height2 width2"]:
        y = torch.relu(self.norm(self.convolution(x)))
        return x + y if self.residual else y


class SmallCNN(Encoder):
    """Features of pictures of about 32 to 96 pixels, learnt from scratch: 64 pixels become an 8 x 8 map by default.

    Stage i is a 3 x 3 convolution to `channels[i]` with stride `strides[i]`, then `blocks[i] - 1` residual ones (a
    single number holds for all stages). The first stage, the stem, may have a wider kernel (`stem_kernel`).
    `coordinates` gives the first and the last stage two more inputs, each place's x and y from -1 to 1 (Liu et al.,
    2018, CoordConv), so that features can say where something is. `dropout` drops whole channels of the last map.
    `norm` stands behind every convolution: "none", or as of `make_norm`. `weights` is a file with the state dict of
    such an encoder.
    """

    def __init__(
        self,
        *,
        image_size: int = 64,
        in_channels: int = 3,
        pooled: bool = False,
        grid: int = 1,
        channels: Sequence[int] = (32, 64, 128, 256),
        strides: Sequence[int] = (2, 2, 2, 1),
        blocks: int | Sequence[int] = 1,
        stem_kernel: int = 3,
        norm: Norm = "group",
        coordinates: bool = False,
        dropout: float = 0.0,
        weights: str | None = None,
        trainable: Trainable = "all",
    ) -> None:
        super().__init__(image_size=image_size, in_channels=in_channels, pooled=pooled, grid=grid)
        blocks = [blocks] * len(channels) if isinstance(blocks, int) else list(blocks)
        if not len(channels) == len(strides) == len(blocks) or not channels or min(blocks) < 1:
            raise UserError(
                f"SmallCNN: channels {list(channels)}, strides {list(strides)} and blocks {blocks} must have one "
                "entry a stage, and a stage at least one block"
            )
        self.coordinates = coordinates
        inputs, stages = in_channels, []
        for index, (outputs, stride, count) in enumerate(zip(channels, strides, blocks, strict=True)):
            extra = 2 if self._sees_coordinates(index, len(channels)) else 0
            kernel = stem_kernel if index == 0 else 3
            stages.append(
                nn.Sequential(
                    ConvBlock(inputs + extra, outputs, kernel=kernel, stride=stride, norm=norm),
                    *(ConvBlock(outputs, outputs, norm=norm, residual=True) for _ in range(count - 1)),
                )
            )
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.dropout = nn.Dropout2d(dropout)
        self.complete(trainable, weights=None if weights is None else read_state_dict(weights))

    def maps(self, pixels: Float[Tensor, "batch channels height width"]) -> list[Tensor]:
        x = pixels
        for index, stage in enumerate(self.stages):
            if self._sees_coordinates(index, len(self.stages)):
                x = append_coordinates(x)
            x = stage(x)
        return [self.dropout(x)]

    def stage_modules(self) -> list[list[nn.Module]]:
        return [list(stage.modules()) for stage in self.stages]

    def _sees_coordinates(self, index: int, count: int) -> bool:
        return self.coordinates and index in (0, count - 1)


def append_coordinates(
    x: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch channels+2 height width"]:
    """The map with two channels more: each place's x and y from -1 (left, top) to 1."""
    height, width = x.shape[-2:]
    down = torch.linspace(-1, 1, height, dtype=x.dtype, device=x.device).view(1, 1, -1, 1)
    right = torch.linspace(-1, 1, width, dtype=x.dtype, device=x.device).view(1, 1, 1, -1)
    shape = (x.shape[0], 1, height, width)
    return torch.cat([x, right.expand(shape), down.expand(shape)], dim=1)
