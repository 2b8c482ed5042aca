"""A small convolutional network for small pictures, quick on a CPU."""

from collections.abc import Callable, Sequence
from math import gcd

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.encoders.base import Encoder, Trainable
from seqvision.encoders.fractional import FractionalMaxPool
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


POOLS: dict[str, Callable[[float], nn.Module]] = {
    "max": lambda ratio: nn.MaxPool2d(int(ratio), ceil_mode=True),
    "average": lambda ratio: nn.AvgPool2d(int(ratio), ceil_mode=True),
    "fractional": FractionalMaxPool,
}


class ConvBlock(nn.Module):
    """Convolution, normalisation, ReLU; plus its input if `residual`, and then in training left out altogether with
    probability `drop_path`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        norm: Norm,
        residual: bool = False,
        drop_path: float = 0.0,
    ):
        super().__init__()
        self.residual = residual
        self.drop_path = _drop_path(drop_path)
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=norm == "none")
        self.norm = normalisation(norm, outputs)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs height2 width2"]:
        y = torch.relu(self.norm(self.convolution(x)))
        return x + self.drop_path(y) if self.residual else y


def _drop_path(share: float) -> nn.Module:
    """Stochastic depth of a residual block; timm is imported only where there is one."""
    if not share:
        return nn.Identity()
    from timm.layers import DropPath

    return DropPath(share)


class SmallCNN(Encoder):
    """Features of pictures of about 32 to 96 pixels, learnt from scratch: 64 pixels become an 8 x 8 map by default.

    Stage i is a 3 x 3 convolution to `channels[i]` with stride `strides[i]`, then `blocks[i] - 1` residual ones (a
    single number holds for all stages). The first stage, the stem, may have a wider kernel (`stem_kernel`).
    `coordinates` gives the first and the last stage two more inputs, each place's x and y from -1 to 1 (Liu et al.,
    2018, CoordConv), so that features can say where something is. `dropout` drops whole channels of the last map.
    `norm` stands behind every convolution: "none", or as of `make_norm`; None is its own, "group". `weights` is a file
    with the state dict of such an encoder.

    pool: how a stage makes its map smaller: "stride" of its first convolution, or pooling behind it, "max", "average",
        or "fractional", which has `strides` such as 1.41 besides whole ones. drop_path: stochastic depth (Huang et al.,
        2016): residual block l of L is left out of a training pass, picture by picture, with probability
        `drop_path` * l / L.
    """

    def __init__(
        self,
        *,
        image_size: int = 64,
        in_channels: int = 3,
        pooled: bool = False,
        grid: int = 1,
        channels: Sequence[int] = (32, 64, 128, 256),
        strides: Sequence[float | int] = (2, 2, 2, 1),
        blocks: int | Sequence[int] = 1,
        stem_kernel: int = 3,
        norm: Norm | None = "group",
        coordinates: bool = False,
        dropout: float = 0.0,
        drop_path: float | int = 0.0,
        pool: str = "stride",
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
        self._check(strides, pool, sum(blocks) - len(blocks), drop_path)
        self.coordinates = coordinates
        residual = sum(blocks) - len(blocks)
        rates = iter([drop_path * (block + 1) / residual for block in range(residual)])
        norm = "group" if norm is None else norm
        inputs, stages = in_channels, []
        for index, (outputs, stride, count) in enumerate(zip(channels, strides, blocks, strict=True)):
            extra = 2 if self._sees_coordinates(index, len(channels)) else 0
            kernel = stem_kernel if index == 0 else 3
            step = int(stride) if pool == "stride" else 1
            stages.append(
                nn.Sequential(
                    ConvBlock(inputs + extra, outputs, kernel=kernel, stride=step, norm=norm),
                    *([POOLS[pool](stride)] if pool != "stride" and stride != 1 else []),
                    *(
                        ConvBlock(outputs, outputs, norm=norm, residual=True, drop_path=next(rates))
                        for _ in range(count - 1)
                    ),
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

    def _check(self, strides: Sequence[float | int], pool: str, residual: int, drop_path: float | int) -> None:
        """Raises `UserError` for what does not go together."""
        if pool not in ("stride", *POOLS):
            raise UserError(f"SmallCNN: pool is {pool!r}; expected one of stride, {', '.join(POOLS)}")
        if pool != "fractional" and any(stride != int(stride) for stride in strides):
            raise UserError(
                f"SmallCNN: strides {list(strides)} with pool={pool}; expected whole numbers, or pool=fractional"
            )
        if not 0 <= drop_path < 1 or (drop_path and not residual):
            raise UserError(
                f"SmallCNN: drop_path is {drop_path} with {residual} residual blocks; expected a share from 0 to below "
                "1, and blocks to leave out: set encoder.blocks to 2 or more"
            )

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
