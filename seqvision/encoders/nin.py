"""Network in Network, which neither timm nor torchvision has."""

from collections.abc import Sequence

from torch import nn

from seqvision.encoders.base import Trainable
from seqvision.encoders.normalisation import Norm
from seqvision.encoders.stack import StackEncoder
from seqvision.encoders.stages import known_stages
from seqvision.encoders.weights import read_state_dict

# channels of each block's convolutions, the first kernel of each block, and how the block before is pooled
CHANNELS = ((192, 160, 96), (192, 192, 192), (192, 192))
KERNELS = (5, 5, 3)


class NiN(StackEncoder):
    """Features of the Network in Network (Lin, Chen and Yan, 2014), in the authors' version for pictures of 32 pixels.

    Three blocks: a convolution over places, then 1 x 1 convolutions, a small network at each place; between blocks
    3 x 3 pooling with stride 2 and `dropout`. The last 1 x 1 convolution of the paper, to one map a class, is the
    classifier and not part of it: the features are the 192 maps below. As published it has no normalisation.

    stages: which blocks' features, negative from the end. weights: a file with the state dict of such an encoder.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        in_channels: int = 3,
        pooled: bool = False,
        grid: int = 1,
        dropout: float | int = 0.5,
        norm: Norm | None = None,
        weights: str | None = None,
        stages: Sequence[int] | None = None,
        trainable: Trainable = "all",
    ) -> None:
        super().__init__(image_size=image_size, in_channels=in_channels, pooled=pooled, grid=grid)
        self.stages = known_stages([-1] if stages is None else stages, len(CHANNELS), "NiN")
        pools: list[list[nn.Module]] = [
            [],
            [nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(dropout)],
            [nn.AvgPool2d(3, 2, ceil_mode=True), nn.Dropout(dropout)],
        ]
        blocks, inputs = [], in_channels
        for pool, channels, kernel in zip(pools, CHANNELS, KERNELS, strict=True):
            blocks.append(nn.Sequential(*pool, *_block(inputs, channels, kernel)))
            inputs = channels[-1]
        self.network = nn.ModuleList(blocks[: self.stages[-1] + 1])
        self.complete(trainable, weights=None if weights is None else read_state_dict(weights), norm=norm)


def _block(inputs: int, channels: Sequence[int], kernel: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for outputs in channels:
        convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        layers += [convolution, nn.ReLU(inplace=True)]
        inputs, kernel = outputs, 1
    return layers
