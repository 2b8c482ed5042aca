"""The normalisation of a network's maps by name, and swapped throughout a network."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import nn

from seqvision.encoders.decorrelated import DecorrelatedBatchNorm
from seqvision.errors import UserError

# a name, or a mapping of `name` and what that kind can be told besides, e.g. {name: decorrelated, method: newton}
Norm: TypeAlias = str | Mapping[str, Any]


def over_maps() -> tuple[type[nn.Module], ...]:
    """What normalises maps, in torch and in timm, whose kinds may bring an activation with them."""
    kinds = (nn.BatchNorm2d, nn.SyncBatchNorm, nn.GroupNorm, nn.InstanceNorm2d, DecorrelatedBatchNorm)
    if "timm" not in sys.modules:  # so no network has its kinds; importing it takes as long as torch
        return kinds
    from timm.layers import LayerNorm2d, LayerNormAct2d

    return (*kinds, LayerNorm2d, LayerNormAct2d)


def group_norm(channels: int, *, groups: int = 32) -> nn.GroupNorm:
    """Group norm with `groups` groups, or as many as divide the channels and leave two or more in each (Wu and He,
    2018).
    """
    most = max(1, min(groups, channels // 2))
    return nn.GroupNorm(next(count for count in range(most, 0, -1) if channels % count == 0), channels)


KINDS: dict[str, Callable[..., nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": lambda channels: nn.GroupNorm(1, channels),  # over all channels and places of one picture
    "instance": lambda channels, **settings: nn.InstanceNorm2d(channels, affine=True, **settings),
    "group": group_norm,
    "decorrelated": DecorrelatedBatchNorm,
}


def make_norm(norm: Norm, channels: int) -> nn.Module:
    """A normalisation of maps with `channels` channels, with gain 1 and bias 0.

    batch (Ioffe and Szegedy, 2015), layer (Ba, Kiros and Hinton, 2016), instance (Ulyanov, Vedaldi and Lempitsky,
    2016), group (Wu and He, 2018: `groups`), decorrelated (Huang et al., 2018: `group_size`, `method`, `iterations`).
    """
    name, settings = _read(norm)
    try:
        return KINDS[name](channels, **settings)
    except TypeError as error:
        raise UserError(f"encoder.norm: {settings} does not fit '{name}' ({error}); leave that out") from error


def swap_norms(network: nn.Module, norm: Norm, *, what: str) -> int:
    """How many normalisations were exchanged for `norm`, in place, throughout the network. Batch norm stays for batch.

    Gain and bias keep their values, so that a residual branch which begins at zero still does. A network that has no
    normalisation gets one behind each convolution. Raises `UserError` for networks that normalise tokens, not maps;
    `what` names the network there.
    """
    name, settings = _read(norm)
    kinds = over_maps()
    tokens = [m for m in network.modules() if isinstance(m, nn.LayerNorm) and not isinstance(m, kinds)]
    if tokens:
        raise UserError(
            f"{what}: norm is '{name}', but this network normalises tokens, not maps ({len(tokens)} LayerNorm); "
            "leave norm null, or take a convolutional network"
        )
    found = _children(network, kinds)
    if not found:
        convolutions = _children(network, (nn.Conv2d,))
        for parent, child, convolution in convolutions:
            setattr(parent, child, nn.Sequential(convolution, make_norm(norm, convolution.out_channels)))
        return len(convolutions)
    if name == "batch" and not settings:
        found = [entry for entry in found if not isinstance(entry[2], (nn.BatchNorm2d, nn.SyncBatchNorm))]
    for parent, child, old in found:
        setattr(parent, child, _instead_of(old, norm))
    return len(found)


def _instead_of(old: Any, norm: Norm) -> nn.Module:
    """The new normalisation with the old one's gain and bias, and with the activation that the old one brought."""
    sizes = (getattr(old, name, None) for name in ("num_features", "num_channels", "channels", "normalized_shape"))
    size: Any = next(size for size in sizes if size is not None)
    new: Any = make_norm(norm, size if isinstance(size, int) else size[0])
    if old.weight is not None and old.bias is not None:
        new.weight.data.copy_(old.weight.data)
        new.bias.data.copy_(old.bias.data)
    if not hasattr(old, "act"):
        return new
    return nn.Sequential(new, old.drop, old.act)


def _children(network: nn.Module, kinds: tuple[type[nn.Module], ...]) -> list[tuple[nn.Module, str, Any]]:
    """Parent, name and module for each module of these kinds."""
    return [
        (parent, name, child)
        for parent in list(network.modules())
        for name, child in parent.named_children()
        if isinstance(child, kinds)
    ]


def _read(norm: Norm) -> tuple[str, dict[str, Any]]:
    """The kind's name and its settings."""
    settings = dict(norm) if isinstance(norm, Mapping) else {"name": norm}
    name = settings.pop("name", None)
    if name not in KINDS:
        raise UserError(
            f"encoder.norm is {norm if isinstance(norm, str) else dict(norm)!r}; expected one of {', '.join(KINDS)}, "
            "a mapping with such a name, e.g. '{name: decorrelated, method: newton}', or null for the network's own"
        )
    return name, settings
