"""Noise throughout a network, whatever the network: how its dropout is scaled, and DropConnect of its layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.attention import Attention
from seqvision.encoders import Encoder
from seqvision.errors import UserError
from seqvision.rnn import DropConnect, Recurrent

Dropping = Callable[[Tensor, float, bool], Tensor]
KINDS: dict[type[nn.Module], Dropping] = {
    nn.Dropout: F.dropout,
    nn.Dropout1d: F.dropout1d,
    nn.Dropout2d: F.dropout2d,
    nn.Dropout3d: F.dropout3d,
}


class VanillaDropout(nn.modules.dropout._DropoutNd):
    """Dropout as it was first written down: in training a unit is 0 with probability p and else itself, in evaluation
    it is (1 − p) times itself, which is what the next layer had on average in training (Hinton et al., 2012; Srivastava
    et al., 2014).

    torch's is the inverted form, made 1/(1 − p) times as large in training and left alone in evaluation: this one is
    that one times 1 − p, in both. drop: what of torch's leaves out single units, or whole channels.
    """

    def __init__(self, p: float | int = 0.5, *, drop: Dropping = F.dropout):
        super().__init__(p)
        self.drop = drop

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return (1 - self.p) * self.drop(x, self.p, self.training)


class DropConnectLinear(DropConnect):
    """A linear layer that leaves out weights, drawn anew whenever something goes through it (Wan et al., 2013).

    In evaluation all weights count: the mean of what it says in training. With `gaussian` its training passes draw
    each unit from the normal distribution with the mean and the variance that leaving weights out would give it,
    Wx and p/(1 − p) W²x², in place of the weights themselves (section 3.2 there: what the paper does in evaluation).
    """

    gaussian = False

    @property
    def matrix(self) -> Float[Tensor, "outputs inputs"]:
        self.redraw()
        return super().matrix

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        if self.gaussian and self.training:
            return normal(F.linear(x, self.weight, self.bias), F.linear(x.square(), self.weight.square()), self.p)
        return super().forward(x)


class DropConnectConv2d(nn.Conv2d):
    """The same of a convolution: a weight that is left out is so at all places."""

    gaussian = False
    p: float | int

    @classmethod
    def of(cls, convolution: nn.Conv2d, p: float | int) -> "DropConnectConv2d":
        """A convolution with that one's weights."""
        names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
        same: dict[str, Any] = {name: getattr(convolution, name) for name in (*names, "padding_mode")}
        made = cls(**same, bias=convolution.bias is not None, device="meta")
        made.weight, made.bias, made.p = convolution.weight, convolution.bias, p
        return made

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs height2 width2"]:
        if self.gaussian and self.training:
            variance = self._conv_forward(x.square(), self.weight.square(), None)
            return normal(self._conv_forward(x, self.weight, self.bias), variance, self.p)
        return self._conv_forward(x, F.dropout(self.weight, self.p, self.training), self.bias)


def normal(mean: Float[Tensor, "*shape"], squares: Float[Tensor, "*shape"], p: float | int) -> Float[Tensor, "*shape"]:
    """Draws of what a sum becomes whose terms are each left out with probability p and else 1/(1 − p) times as large:
    mean: the sum; squares: the sum of the terms' squares.
    """
    return mean + (squares * (p / (1 - p))).clamp(min=0).sqrt() * torch.randn_like(mean)


LEAVING_OUT = (nn.modules.dropout._DropoutNd, DropConnect, DropConnectConv2d)  # each with the probability `p`
LAYERS: dict[type[nn.Module], Any] = {
    nn.Linear: DropConnectLinear,
    nn.Conv2d: DropConnectConv2d,
}  # exactly these, not what was derived from them


@dataclass(frozen=True)
class Noise:
    """Puts into a network, once it is built, what it leaves out at random in training. Weights keep their names.

    dropout: "inverted", torch's, or "vanilla", see `VanillaDropout`; all dropout that the network has, that between
        recurrent layers included.
    dropconnect: with which probability a weight of `layers` is left out of a pass; those of `rnn.dropconnect` are not
        meant, nor are recurrences, attention and frozen stages, which stay as they are.
    layers: the parts whose linear layers and convolutions these are (["output"], ["front.encoder", "output"], …); None
        for all.
    """

    dropout: str = "inverted"
    dropconnect: float | int = 0.0
    layers: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.dropout not in ("inverted", "vanilla"):
            raise UserError(f"noise.dropout is {self.dropout!r}; expected 'inverted' or 'vanilla'")
        if not 0 <= self.dropconnect < 1:
            raise UserError(f"noise.dropconnect is {self.dropconnect}; expected a share from 0 to below 1, e.g. 0.5")

    def settings(self) -> dict[str, Any]:
        """As plain data, for a checkpoint."""
        layers = None if self.layers is None else list(self.layers)
        return {"dropout": self.dropout, "dropconnect": self.dropconnect, "layers": layers}

    def into(self, model: nn.Module) -> None:
        """Changes the network; a UserError where it has nothing of the kind."""
        changed: dict[nn.Module, nn.Module] = {}
        still = {part for each in model.modules() if isinstance(each, Encoder) for part in each.frozen_modules}
        if self.dropout == "vanilla":
            for module in model.modules():
                if type(module) in KINDS and module not in still:
                    changed[module] = VanillaDropout(module.p, drop=KINDS[type(module)])  # type: ignore[arg-type]
        if self.dropconnect:
            chosen = self._layers(model, still)
            changed |= {layer: LAYERS[type(layer)].of(layer, self.dropconnect) for layer in chosen}
        for parent in list(model.modules()):
            for name, child in list(parent._modules.items()):
                if child in changed:
                    setattr(parent, name, changed[child].train(child.training))

    def _layers(self, model: nn.Module, still: set[nn.Module]) -> list[Any]:
        inside = [module for module in model.modules() if isinstance(module, (Recurrent, Attention))]
        left = still.union(*(module.modules() for module in inside))
        named = dict(model.named_modules())
        missing = [name for name in self.layers or () if name not in named]
        if missing:
            parts = ", ".join(name for name, _ in model.named_children())
            raise UserError(f"noise.layers: the model has no part '{missing[0]}'; its parts are {parts}")
        roots = [model] if self.layers is None else [named[name] for name in self.layers]
        found = {layer: None for root in roots for layer in root.modules() if type(layer) in LAYERS}
        chosen = [layer for layer in found if layer not in left]
        if not chosen:
            where = "the model" if self.layers is None else ", ".join(self.layers)
            raise UserError(
                f"noise.dropconnect is {self.dropconnect}, but {where} has no linear layer or convolution that learns "
                "outside recurrences and attention; take rnn.dropconnect, or other noise.layers"
            )
        return chosen
