"""The named networks of the field as encoders, from timm or torchvision, by the words of their papers.

`**settings` are those of `TimmEncoder` or `TorchvisionEncoder`: image_size, in_channels, pooled, grid, norm, weights,
stages, trainable, mean, std.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from seqvision.encoders.normalisation import Norm
from seqvision.encoders.timm_encoder import TimmEncoder
from seqvision.encoders.torchvision_encoder import TorchvisionEncoder
from seqvision.errors import UserError


def one_of(key: str, value: Any, known: Sequence[Any]) -> Any:
    """The value, if it is known; else a `UserError` that names the key."""
    if value not in known:
        raise UserError(f"encoder.{key} is {value!r}; expected one of {', '.join(map(str, known))}")
    return value


class AlexNet(TorchvisionEncoder):
    """Features of AlexNet's five convolutions (Krizhevsky, Sutskever and Hinton, 2012), in one stream and without
    response normalisation, as torchvision has it (Krizhevsky, 2014). The smallest picture is 63 x 63.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__("alexnet", **settings)


class GoogLeNet(TorchvisionEncoder):
    """Features of GoogLeNet's inception modules (Szegedy et al., 2015), with batch norm and without the auxiliary
    classifiers.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__("googlenet", **settings)


class SqueezeNet(TorchvisionEncoder):
    """Features of SqueezeNet's fire modules (Iandola et al., 2016); version 1.1 needs less than half the operations of
    1.0.
    """

    def __init__(self, *, version: float | int | str = 1.1, **settings: Any) -> None:
        version = one_of("version", str(version), ("1.0", "1.1"))
        super().__init__(f"squeezenet{str(version).replace('.', '_')}", **settings)


class VGG(TimmEncoder):
    """Features of the convolutions of VGG with 11, 13, 16 or 19 layers (Simonyan and Zisserman, 2015).

    norm: "batch", or another kind, behind every convolution; None: none, as first published.
    """

    def __init__(self, *, depth: int = 16, norm: Norm | None = "batch", weights: str | None = None, **settings: Any):
        one_of("depth", depth, (11, 13, 16, 19))
        # the classifier's first layers, which no feature goes through, hold 120 million weights: kept small unless a
        # file brings them
        options = {"mlp_ratio": 1 / 4096} if weights is None else {}
        name = f"vgg{depth}_bn" if norm is not None else f"vgg{depth}"
        super().__init__(name, norm=norm, weights=weights, **with_options(settings, options))


class _WithStem(TimmEncoder):
    """A network of timm with a choice of what first sees the picture.

    stem: "large", a 7 x 7 convolution and a pooling, each with stride 2, for ImageNet; or "small", a 3 x 3 convolution
        with stride 1, which these papers use for pictures of 32 pixels: four times as many places on each side.
    """

    convolution, pooling = "conv1", "maxpool"

    def __init__(self, name: str, *, stem: str = "large", weights: str | None = None, **settings: Any) -> None:
        self.stem = one_of("stem", stem, ("large", "small"))
        if stem == "small":
            refuse_imagenet(f"'{name}' with a small stem", weights)
        super().__init__(name, weights=weights, **settings)

    def adapt(self) -> None:
        if self.stem == "small":
            first = next(module for module in self.network.modules() if isinstance(module, nn.Conv2d))
            small = nn.Conv2d(self.in_channels, first.out_channels, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
            self.replace(self.convolution, small)
            self.replace(self.pooling, nn.Identity())

    def pretrained(self) -> str:
        return "none" if self.stem == "small" else super().pretrained()


class _Residual(_WithStem):
    """A network of residual blocks, which stochastic depth leaves out at random in training (Huang, Sun, Liu, Sedra and
    Weinberger, 2016, section 3): block l of the L that there are with probability `drop_path` * l / L, the first one
    included, picture by picture and not batch by batch. Where a block stays, what it adds is divided by its chance to
    stay, so that nothing need be scaled in evaluation; in expectation the same.
    """

    def __init__(self, name: str, *, drop_path: float | int = 0.0, **settings: Any) -> None:
        if not 0 <= drop_path < 1:
            raise UserError(f"encoder.drop_path is {drop_path}; expected a share from 0 to below 1, e.g. 0.5")
        self.drop_path = drop_path
        super().__init__(name, **settings)

    def adapt(self) -> None:
        super().adapt()
        if self.drop_path:  # timm's own `drop_path_rate` is (l - 1) / (L - 1): its first block always stays
            from timm.layers import DropPath

            blocks: list[Any] = [module for module in self.network.modules() if hasattr(module, "drop_path")]
            for place, block in enumerate(blocks, start=1):
                block.drop_path = DropPath(self.drop_path * place / len(blocks))


class ResNet(_Residual):
    """Features of a residual network (He, Zhang, Ren and Sun, 2016)."""

    def __init__(self, *, depth: int = 18, **settings: Any) -> None:
        super().__init__(f"resnet{one_of('depth', depth, (18, 26, 34, 50, 101, 152))}", **settings)


class StochasticDepthResNet(ResNet):
    """Features of a ResNet with stochastic depth, as its paper has it: the last block is left out every second time."""

    def __init__(self, *, drop_path: float | int = 0.5, **settings: Any) -> None:
        super().__init__(drop_path=drop_path, **settings)


class PreActResNet(_Residual):
    """Features of a ResNet with normalisation and activation before each convolution (He et al., 2016, Identity
    Mappings in Deep Residual Networks).
    """

    convolution, pooling = "stem.conv", "stem.pool"

    def __init__(self, *, depth: int = 18, **settings: Any) -> None:
        super().__init__(f"resnetv2_{one_of('depth', depth, (18, 34, 50, 101, 152))}", **settings)


class WideResNet(_Residual):
    """Features of a wide residual network (Zagoruyko and Komodakis, 2016).

    depth, width: 50 or 101 layers with width 2 are the networks for ImageNet; 6 n + 4 layers (16, 22, 28, 40, …) with
        any width are the paper's main ones, for pictures of 32 pixels: three stages of n pre-activation blocks with
        16, 32 and 64 times `width` channels, behind a small stem; 28 and 10 is the one that the paper is known for.
    """

    def __init__(self, *, depth: int = 16, width: int = 4, weights: str | None = None, **settings: Any) -> None:
        self.depth, self.width = depth, width
        if depth in (50, 101) and width == 2:
            super().__init__(f"wide_resnet{depth}_2", weights=weights, **settings)
            return
        if depth < 10 or (depth - 4) % 6 or width < 1:
            raise UserError(
                f"encoder.depth is {depth}, encoder.width {width}; expected a depth of 50 or 101 with width 2, or "
                "6 n + 4 (10, 16, 22, 28, 34, 40, …) with any width from 1"
            )
        if settings.setdefault("stem", "small") != "small":
            raise UserError(f"{self}: stem is {settings['stem']!r}; the networks of 6 n + 4 layers have a small one")
        refuse_imagenet(str(self), weights)
        self.convolution, self.pooling = PreActResNet.convolution, PreActResNet.pooling
        shape = {"layers": [(depth - 4) // 6] * 3, "channels": [16 * width, 32 * width, 64 * width], "stem_chs": 16}
        super().__init__("resnetv2_18", weights=weights, **with_options(settings, shape))

    def __str__(self) -> str:
        return f"WideResNet {self.depth}-{self.width}"


class ResNeXt(_Residual):
    """Features of a ResNeXt (Xie, Girshick, Dollár, Tu and He, 2017): 32 x 4d is `groups` x `group_width`."""

    def __init__(self, *, depth: int = 50, groups: int = 32, group_width: int = 4, **settings: Any) -> None:
        known = ("50_32x4", "101_32x4", "101_32x8", "101_32x16", "101_32x32", "101_64x4")
        if (name := f"{depth}_{groups}x{group_width}") not in known:
            raise UserError(
                f"encoder: no ResNeXt with depth {depth}, groups {groups}, group_width {group_width}; expected one of "
                f"{', '.join(known)} (depth_groups x group_width)"
            )
        super().__init__(f"resnext{name}d", **settings)


class SENet(_Residual):
    """Features of a ResNet with squeeze-and-excitation blocks, which weigh the channels by what the whole map holds
    (Hu, Shen and Sun, 2018).
    """

    def __init__(self, *, depth: int = 18, **settings: Any) -> None:
        super().__init__(f"seresnet{one_of('depth', depth, (18, 34, 50, 101, 152))}", **settings)


class DenseNet(_WithStem):
    """Features of a DenseNet-BC, where each layer sees all before it (Huang, Liu, van der Maaten and Weinberger,
    2017).
    """

    convolution, pooling = "features.conv0", "features.pool0"

    def __init__(self, *, depth: int = 121, **settings: Any) -> None:
        super().__init__(f"densenet{one_of('depth', depth, (121, 161, 169, 201))}", **settings)


class NASNet(TimmEncoder):
    """Features of a NASNet-A, whose cells a search by a recurrent controller found (Zoph, Vasudevan, Shlens and Le,
    2018).

    cells: N, the normal cells of each of the three stages. features: of the last map. 4 and 1056 are the paper's
        mobile network, 6 and 4032 the large one.
    """

    def __init__(self, *, cells: int = 4, features: int = 1056, weights: str | None = None, **settings: Any) -> None:
        self.cells = one_of("cells", cells, (2, 4, 6))
        if features < 96 or features % 96:
            raise UserError(f"encoder.features is {features}; expected a multiple of 96, such as 1056 or 4032")
        self.features = features
        large = (cells, features) == (6, 4032)
        if not large:
            refuse_imagenet(str(self), weights)
        options = {"num_features": features, "stem_size": 96 if large else 32}
        super().__init__("nasnetalarge", weights=weights, **with_options(settings, options))

    def adapt(self) -> None:
        for stage in range(3):
            for cell in range(6 * stage + self.cells, 6 * stage + 6):
                self.replace(f"cell.{cell}", PassOn())

    def pretrained(self) -> str:
        return super().pretrained() if (self.cells, self.features) == (6, 4032) else "none"

    def __str__(self) -> str:
        return f"NASNet-A ({self.cells} @ {self.features})"


class PassOn(nn.Module):
    """In place of a cell that a smaller network lacks: what came before the last. Two of them in a row leave the last
    map and the one before as they were.
    """

    def forward(
        self, x: Float[Tensor, "batch channels height width"], before: Float[Tensor, "batch channels2 height2 width2"]
    ) -> Float[Tensor, "batch channels2 height2 width2"]:
        return before


def with_options(settings: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with these options of timm's beside those that the user gave, which win."""
    return {**settings, "options": {**options, **(settings.get("options") or {})}}


def refuse_imagenet(what: str, weights: str | None) -> None:
    """A `UserError` where ImageNet weights are asked for and nobody has published any."""
    if weights == "imagenet":
        raise UserError(f"{what}: there are no ImageNet weights of it; set weights to null, or to a file")
