"""Any network of the timm library as an encoder."""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.encoders.base import Encoder, Trainable
from seqvision.encoders.normalisation import Norm
from seqvision.encoders.stages import assign_stages, known_stages
from seqvision.encoders.weights import (
    NO_HUB,
    PACKAGED,
    PACKAGED_STATISTICS,
    check_names,
    downloaded,
    is_encoder_state,
    packaged_state_dict,
    read_state_dict,
    suggest,
)
from seqvision.errors import UserError

# what timm's networks take that is a number, or the name of a kind of layer
OPTIONS = frozenset((
    "drop_rate", "drop_path_rate", "drop_block_rate", "attn_drop_rate", "proj_drop_rate", "pos_drop_rate",
    "patch_drop_rate", "layers", "channels", "depth", "depths", "dims", "width", "widths", "embed_dim", "embed_dims",
    "num_heads", "head_dim", "mlp_ratio", "expand_ratio", "expansion_ratio", "patch_size", "window_size", "groups",
    "cardinality", "base_width", "bottle_ratio", "reduction", "growth_rate", "block_config", "bn_size",
    "num_init_features", "num_features", "num_blocks", "stem_chs", "stem_size", "stem_width", "stem_type",
    "stem_kernel_size", "stem_stride", "output_stride", "avg_down", "down_kernel_size", "kernel_size", "act_layer",
    "norm_layer", "norm_eps", "se_ratio", "conv_mlp", "conv_bias", "qkv_bias", "qk_norm", "init_values",
    "ls_init_value", "zero_init_last", "class_token", "reg_tokens", "memory_efficient", "dynamic_img_size",
))  # fmt: skip


class TimmEncoder(Encoder):
    """Features from a network of timm: its last ones, or those of several `stages`.

    Args:
        name: what timm calls it (`timm.list_models()`), such as "resnet18" or "tf_efficientnet_lite0"
        image_size: pixels; convolutional networks take other sizes later, transformers are built for this one
        weights: None (from scratch), "imagenet", or a file: a state dict of timm's network or of such an encoder
        stages: None for the network's last features (behind its last convolution, if it has one past the stages), or
            indices of its stages, negative from the end. Pooled, the averages of all of them stand side by side; a map
            has the size of the deepest one, to which the others are averaged down.
        trainable: "all", "none" or the number of last stages that train
        mean, std: of the pixels, where they differ from what timm knows of the network
        norm: the normalisation of the maps in place of the network's own, see `make_norm`
        options: further arguments of timm's network, such as {drop_path_rate: 0.1}; those of `OPTIONS`
    """

    network: Any  # a Module; timm's have attributes that the type does not know

    def __init__(
        self,
        name: str,
        *,
        image_size: int = 128,
        in_channels: int = 3,
        pooled: bool = False,
        grid: int = 1,
        weights: str | None = None,
        stages: Sequence[int] | None = None,
        trainable: Trainable = "all",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        norm: Norm | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        import timm  # here as below, because its start-up time is not for every encoder

        if not timm.is_model(name):
            raise UserError(f"encoder: timm has no network '{name}': {suggest(name, timm.list_models())}")
        settings = _settings(name)
        super().__init__(
            image_size=image_size,
            in_channels=in_channels,
            pooled=pooled,
            grid=grid,
            mean=mean or settings["mean"],
            std=std or settings["std"],
        )
        self.name = name
        self.options = dict(options or {})
        check_options(self.options)
        self.stages: tuple[int, ...] | None = None
        if stages is not None:
            with torch.device("meta"):  # only its stages are asked for
                whole: Any = timm.create_model(name, **self.options)
            self.stages = known_stages(stages, len(whole.feature_info), str(self))
        state = read_state_dict(weights) if weights not in (None, "imagenet") else None
        own_state = state if state is not None and is_encoder_state(state) else None
        try:
            if own_state is not None or weights is None:
                self.network = self._build(image_size)
            elif weights == "imagenet" and name.split(".")[0] != PACKAGED:
                self.network = self._build_from_hub()
            else:
                self.network = self._build_from_state(state, str(weights))
        except AssertionError as error:  # from transformers built for one size
            raise self.misfit(error) from error
        self._pretrained = weights is not None and own_state is None
        self.adapt()
        self.complete(trainable, weights=own_state, norm=norm)

    def adapt(self) -> None:
        """What a subclass changes of timm's network once it is built."""

    def maps(self, pixels: Float[Tensor, "batch channels height width"]) -> list[Tensor]:
        features = self.network.forward_features(pixels) if self.stages is None else self.network(pixels)
        return [self._as_map(x) for x in (features if isinstance(features, list) else [features])]

    def stage_modules(self) -> list[list[nn.Module]]:
        info = getattr(self.network, "feature_info", None) or []
        ends = [entry["module"] for entry in getattr(info, "info", info)]
        modules = [(_plain(name), module) for name, module in self.network.named_modules()]
        return assign_stages(modules, [_plain(end) for end in ends])

    def pretrained(self) -> str:
        if self.name.split(".")[0] == PACKAGED:
            return "packaged"
        import timm

        found = timm.get_pretrained_cfg(self.name)
        if found is None or not found.has_weights:
            return "none"
        return "downloaded" if downloaded(found) else "hub"

    def __str__(self) -> str:
        return f"{type(self).__name__} '{self.name}'"

    def replace(self, name: str, module: nn.Module) -> None:
        """Puts another module into the place of that name in timm's network."""
        place = next(found for found, _ in self.network.named_modules() if _plain(found) == name)
        parent, _, child = place.rpartition(".")
        setattr(self.network.get_submodule(parent), child, module)

    def _build(self, image_size: int, **arguments: Any) -> Any:
        import timm

        arguments = {**self.options, **arguments}
        if _settings(self.name).get("fixed_input_size"):  # transformers have an embedding for each place
            arguments["img_size"] = image_size
        if self.stages is None:
            return timm.create_model(self.name, in_chans=self.in_channels, num_classes=0, **arguments)
        network: Any = timm.create_model(
            self.name, in_chans=self.in_channels, features_only=True, out_indices=self.stages, **arguments
        )
        return _cut_behind(network, network.feature_info.info[max(self.stages)]["module"])

    def _build_from_hub(self) -> Any:
        try:
            return self._build(self.image_size, pretrained=True)
        except UserError:
            raise
        except Exception as error:  # what a missing network looks like depends on the hub's own libraries
            raise UserError(f"{self}: no ImageNet weights from timm's hub ({error}); {NO_HUB}") from error

    def _build_from_state(self, state: dict[str, Tensor] | None, source: str) -> Any:
        import timm

        whole: Any = timm.create_model(self.name, **self.options)
        if state is None:
            state, source = packaged_state_dict(whole.state_dict()), PACKAGED
        heads = whole.pretrained_cfg.get("classifier") or ()
        heads = (heads,) if isinstance(heads, str) else tuple(heads)
        check_names(state, whole.state_dict(), optional=heads, what=f"{self}, {source}")
        try:
            network = self._build(self.image_size, pretrained=True, pretrained_cfg_overlay={"state_dict": state})
        except RuntimeError as error:
            raise UserError(f"{self}: the weights in {source} do not fit: {error}") from error
        for module in network.modules():  # timm keeps the weights it was given a second time
            for kept in (getattr(module, "pretrained_cfg", None), getattr(module, "default_cfg", None)):
                if isinstance(kept, dict):
                    kept.pop("state_dict", None)
        return network

    def _as_map(self, features: Tensor) -> Float[Tensor, "batch channels height width"]:
        """Whatever layout the network gives, as (B, C, H, W)."""
        if features.dim() == 3:  # tokens
            tokens = features[:, self._prefix_tokens() :]
            side = isqrt(tokens.shape[1])
            if side * side != tokens.shape[1]:
                raise UserError(
                    f"{self}: its {tokens.shape[1]} tokens form no square map; expected a convolutional network or a "
                    "transformer over a square grid of patches"
                )
            return tokens.transpose(1, 2).unflatten(2, (side, side))
        if getattr(self.network, "output_fmt", None) == "NHWC":
            return features.permute(0, 3, 1, 2)
        return features

    def _prefix_tokens(self) -> int:
        default = 0 if getattr(self.network, "cls_token", None) is None else 1
        return getattr(self.network, "num_prefix_tokens", default)

    def smallest_size(self) -> int | None:
        if not _settings(self.name).get("fixed_input_size"):
            return super().smallest_size()
        for size in range(self.image_size // 16 * 16 + 16, 513, 16):
            try:
                self.network = self._build(size)
            except AssertionError:
                continue
            if self.takes(size):
                return size
        return None


def check_options(options: Mapping[str, Any]) -> None:
    """Raises a `UserError` for what is not known to be the size or the form of a network: timm's functions also take
    addresses, files and what else they would fetch weights from.
    """
    for name, value in options.items():
        if name not in OPTIONS:
            raise UserError(f"encoder.options.{name}: not passed on to timm; {suggest(str(name), sorted(OPTIONS))}")
        values = value if isinstance(value, list | tuple) else [value]
        if not all(each is None or isinstance(each, int | float) or _is_name(each) for each in values):
            raise UserError(f"encoder.options.{name} is {value!r:.80}; expected a number, true or false, or a name")


def _is_name(value: Any) -> bool:
    """Whether it is a text such as those by which timm knows its layers."""
    return isinstance(value, str) and value.isascii() and value.replace("_", "").isalnum()


def _settings(name: str) -> dict[str, Any]:
    """What timm knows of the network's pictures: mean, std, fixed_input_size, …"""
    import timm

    try:
        found = timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # an unknown tag behind the dot
        tags = timm.list_pretrained(name.split(".")[0] + ".*")
        raise UserError(f"encoder: timm has no weights '{name}'; expected one of {', '.join(tags)}") from error
    settings = found.to_dict() if found else {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    if name.split(".")[0] == PACKAGED:
        settings.update(mean=PACKAGED_STATISTICS, std=PACKAGED_STATISTICS)
    return settings


def _cut_behind(network: Any, last: str) -> Any:
    """The network without the blocks behind the module `last`, which would be computed for nothing.

    Most of timm's wrappers have cut them already; those that run a Sequential of blocks have not.
    """
    parent, _, child = last.rpartition(".")
    blocks = dict(network.named_modules()).get(parent) if parent else None
    if isinstance(blocks, nn.Sequential) and child in blocks._modules:
        del blocks[list(blocks._modules).index(child) + 1 :]
    return network


def _plain(name: str) -> str:
    """A module's name without what timm's wrappers do to it: a prefix, and dots made underscores at the first level."""
    return name.removeprefix("body.").removeprefix("model.").replace("_", ".")
