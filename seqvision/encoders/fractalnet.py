"""FractalNet: depth without residual connections, by a rule that repeats itself."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.encoders.base import Encoder, Trainable
from seqvision.encoders.normalisation import Norm
from seqvision.encoders.stages import known_stages
from seqvision.encoders.weights import read_state_dict
from seqvision.errors import UserError


class FractalNet(Encoder):
    """Features of a FractalNet (Larsson, Maire and Shakhnarovich, 2017), for pictures of any size.

    Each block is the fractal f_C of `columns` columns, the shallowest one convolution deep and each further twice as
    deep; its columns' ends are joined by their mean (section 3). Between blocks maps are pooled 2 x 2. Three columns
    in five blocks of (64, 128, 256, 512, 512) channels are the paper's 20 layers for pictures of 32 pixels; its last
    pooling is left to `pooled`.

    Drop-path works in training, picture by picture, so that every weight gets a gradient in every step: a share
    `one_column` of the pictures goes by one column of the whole network, drawn for each (global), the others lose each
    input of each join with probability `drop_path`, never the last one (local).

    Args:
        channels: of each block
        columns: C, so that the deepest path has `len(channels) * 2 ** (columns - 1)` layers
        drop_path: 0 for none
        one_column: the share of global drop-path; the paper's is a half
        dropout: of the last block's convolutions; the blocks before rise to it from 0
        column: in evaluation the features of that column alone, 0 the shallowest, -1 the deepest: a plain network of
            another depth with the same weights. None: of all. May be set at any time.
        stages: which blocks' features, negative from the end
        weights: a file with the state dict of such an encoder
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        in_channels: int = 3,
        pooled: bool = False,
        grid: int = 1,
        channels: Sequence[int] = (64, 128, 256, 512, 512),
        columns: int = 3,
        drop_path: float | int = 0.15,
        one_column: float | int = 0.5,
        dropout: float | int = 0.0,
        column: int | None = None,
        norm: Norm | None = None,
        weights: str | None = None,
        stages: Sequence[int] | None = None,
        trainable: Trainable = "all",
    ) -> None:
        super().__init__(image_size=image_size, in_channels=in_channels, pooled=pooled, grid=grid)
        if not channels or columns < 1:
            raise UserError(f"FractalNet: channels {list(channels)}, columns {columns}; expected at least one of each")
        if column is not None and not -columns <= column < columns:
            raise UserError(f"FractalNet: column is {column}; expected null (all) or one from 0 to {columns - 1}")
        if not 0 <= drop_path < 1 or not 0 <= one_column <= 1:
            raise UserError(
                f"FractalNet: drop_path is {drop_path} and one_column {one_column}; expected shares from 0 to 1, "
                "drop_path below 1"
            )
        self.columns, self.drop_path, self.one_column = columns, drop_path, one_column
        self.column: int | None = None  # until all columns are known to be of use
        self.stages = known_stages([-1] if stages is None else stages, len(channels), "FractalNet")
        count = self.stages[-1] + 1
        self.network = nn.ModuleList(
            Fractal(inputs, outputs, columns, dropout=dropout * index / max(1, len(channels) - 1))
            for index, (inputs, outputs) in enumerate(pairwise([in_channels, *channels[:count]]))
        )
        self.pool = nn.MaxPool2d(2, ceil_mode=True)  # so that no picture is too small
        self.complete(trainable, weights=None if weights is None else read_state_dict(weights), norm=norm)
        self.column = column

    def maps(self, pixels: Float[Tensor, "batch channels height width"]) -> list[Tensor]:
        found, x = [], pixels
        drawn = self._draw(len(pixels), pixels.device)
        for index, block in enumerate(self.network):
            x = self.pool(x) if index else x
            if block.training:
                x = block(x, drawn, self.drop_path)
            else:  # a frozen stage, or evaluation
                x = block(x) if self.column is None else block.by_column(x, self.column % self.columns)  # type: ignore[operator]
            if index in self.stages:
                found.append(x)
        return found

    def stage_modules(self) -> list[list[nn.Module]]:
        return [list(block.modules()) for block in self.network]

    def _draw(self, batch: int, device: torch.device) -> Int[Tensor, " batch"]:
        """The column that each picture goes by alone, -1 for those that local drop-path is for."""
        columns = torch.randint(self.columns, (batch,), device=device)
        return columns.where(torch.rand(batch, device=device) < self.one_column, -1)


class Fractal(nn.Module):
    """f_C(x): the mean of one convolution's output and of f_{C-1}(f_{C-1}(x)), all columns' ends in one join.

    first: the number, in the whole network, of this fractal's shallowest column.
    """

    def __init__(self, inputs: int, outputs: int, columns: int, *, dropout: float | int, first: int = 0) -> None:
        super().__init__()
        self.first = first
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        self.shallow = nn.Sequential(convolution, nn.Dropout(dropout), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
        self.deeper = nn.ModuleList(
            Fractal(size, outputs, columns - 1, dropout=dropout, first=first + 1)
            for size in ((inputs, outputs) if columns > 1 else ())
        )

    def forward(
        self,
        x: Float[Tensor, "batch channels height width"],
        drawn: Int[Tensor, " batch"] | None = None,
        drop_path: float | int = 0.0,
    ) -> Float[Tensor, "batch outputs height width"]:
        """All columns joined; drawn: the one column that a picture goes by, -1 where it loses inputs by `drop_path`."""
        ends = self.ends(x, drawn, drop_path)
        if drawn is None:
            return torch.stack(ends).mean(dim=0)
        shares = join_shares(len(ends), drawn, drop_path, self.first)
        parts = [share.to(end.dtype).view(-1, 1, 1, 1) * end for share, end in zip(shares, ends, strict=True)]
        return torch.stack(parts).sum(dim=0)

    def ends(self, x: Tensor, drawn: Tensor | None, drop_path: float | int) -> list[Tensor]:
        """What each column comes to, the shallowest first."""
        if not self.deeper:
            return [self.shallow(x)]
        once, twice = self.deeper
        return [self.shallow(x), *twice.ends(once(x, drawn, drop_path), drawn, drop_path)]  # type: ignore[operator]

    def by_column(
        self, x: Float[Tensor, "batch channels height width"], column: int
    ) -> Float[Tensor, "batch outputs height width"]:
        """What one column alone makes of the map: 2 ** column convolutions, one after the other."""
        if column == 0:
            return self.shallow(x)
        once, twice = self.deeper
        return twice.by_column(once.by_column(x, column - 1), column - 1)  # type: ignore[operator]


def join_shares(
    inputs: int, drawn: Int[Tensor, " batch"], drop_path: float | int, first: int
) -> Float[Tensor, "inputs batch"]:
    """Each input's share in a join, picture by picture; the shares of a picture sum to 1.

    Local: the inputs that are not dropped share alike, and one is kept where all were to go. Global: the drawn column
    has it all; where that column does not come through this join, what the join gives reaches nothing.
    """
    batch = len(drawn)
    kept = torch.rand(inputs, batch, device=drawn.device) >= drop_path
    spared = torch.randint(inputs, (batch,), device=drawn.device)
    everyone = torch.arange(inputs, device=drawn.device).unsqueeze(1)
    kept |= (everyone == spared) & ~kept.any(dim=0)
    kept = torch.where(drawn >= first, everyone == drawn - first, kept)
    return kept.float() / kept.sum(dim=0)
