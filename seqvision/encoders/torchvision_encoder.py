"""Convolutional networks of torchvision as encoders, for those that timm lacks: AlexNet, SqueezeNet, GoogLeNet, …"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from seqvision.encoders.base import Trainable
from seqvision.encoders.normalisation import Norm
from seqvision.encoders.stack import StackEncoder
from seqvision.encoders.stages import known_stages
from seqvision.encoders.weights import NO_HUB, fill, is_encoder_state, read_state_dict, suggest
from seqvision.errors import UserError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class TorchvisionEncoder(StackEncoder):
    """Features from a convolutional network of torchvision, of everything before its pooling and classifier.

    A stage is what works at one resolution: the network is cut before each layer that makes the map smaller. The
    arguments are those of `TimmEncoder`, which knows many more networks: take it where it has the one you want.
    """

    def __init__(
        self,
        name: str,
        *,
        image_size: int = 128,
        in_channels: int = 3,
        pooled: bool = False,
        grid: int = 1,
        norm: Norm | None = None,
        weights: str | None = None,
        stages: Sequence[int] | None = None,
        trainable: Trainable = "all",
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        import torchvision  # here as below, because its start-up time is not for every encoder

        known = torchvision.models.list_models(module=torchvision.models)
        if name not in known:
            raise UserError(f"encoder: torchvision has no network '{name}': {suggest(name, known)}")
        super().__init__(image_size=image_size, in_channels=in_channels, pooled=pooled, grid=grid, mean=mean, std=std)
        self.name = name
        whole = torchvision.models.get_model(name, weights=None, **_without_auxiliaries(name))
        state = None if weights is None else self._from_hub() if weights == "imagenet" else read_state_dict(weights)
        own_state = state if state is not None and is_encoder_state(state) else None
        if state is not None and own_state is None:
            heads = ("classifier", "fc", "head", "aux1", "aux2", "AuxLogits")
            fill(whole, state, optional=heads, what=f"{self}, {weights}")
        layers = _layers(whole)
        if in_channels == 1:
            _see_grey(layers)
        cut = _cut_by_resolution(layers, str(self), in_channels)
        self.stages = known_stages([-1] if stages is None else stages, len(cut), str(self))
        self.network = nn.ModuleList(cut[: self.stages[-1] + 1])
        self._pretrained = state is not None and own_state is None
        self.complete(trainable, weights=own_state, norm=norm)

    def pretrained(self) -> str:
        import torchvision

        found = torchvision.models.get_model_weights(self.name).DEFAULT
        kept = Path(torch.hub.get_dir()) / "checkpoints" / found.url.rpartition("/")[2]
        return "downloaded" if kept.is_file() else "hub"

    def __str__(self) -> str:
        return f"{type(self).__name__} '{self.name}'"

    def _from_hub(self) -> dict[str, Tensor]:
        import torchvision

        try:
            found = torchvision.models.get_model_weights(self.name).DEFAULT
            return found.get_state_dict(progress=True, check_hash=True)
        except Exception as error:  # what a missing network looks like depends on the system
            raise UserError(f"{self}: no ImageNet weights from torchvision's hub ({error}); {NO_HUB}") from error


def _without_auxiliaries(name: str) -> dict[str, bool]:
    """GoogLeNet and Inception have classifiers half way up, only for training on ImageNet."""
    return {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}


def _layers(whole: nn.Module) -> nn.Sequential:
    """The network's layers in order, up to its pooling, those of a plain Sequential one by one."""
    layers: list[nn.Module] = []
    bodies = [body for name in ("features", "layers") if isinstance(body := getattr(whole, name, None), nn.Sequential)]
    for name, layer in (bodies[0] if bodies else whole).named_children():
        if name in ("avgpool", "fc", "classifier", "head", "heads"):
            break
        layers += list(layer) if type(layer) is nn.Sequential else [layer]
    return nn.Sequential(*layers)


def _see_grey(layers: nn.Sequential) -> None:
    """Make the first convolution take one channel: the sum of its three, which answers alike to a grey picture."""
    first = next(module for module in layers.modules() if isinstance(module, nn.Conv2d))
    with torch.no_grad():
        first.weight = nn.Parameter(first.weight.sum(1, keepdim=True))
    first.in_channels = 1


@torch.no_grad()
def _cut_by_resolution(layers: nn.Sequential, what: str, in_channels: int) -> list[nn.Sequential]:
    """The layers in stages of one map size each, found with one empty picture of 224 x 224 pixels."""
    stages: list[nn.Sequential] = []
    size = 0
    x = torch.zeros(1, in_channels, 224, 224)
    for layer in layers:
        try:
            x = layer.eval()(x)
        except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as error:
            raise UserError(f"{what}: not a plain stack of layers ({error}); try TimmEncoder") from error
        finally:
            layer.train()
        if not isinstance(x, Tensor) or x.dim() != 4 or x.shape[-1] != x.shape[-2]:
            raise UserError(f"{what}: gives no feature map (B, C, H, W); try TimmEncoder")
        if not stages or x.shape[-1] < size:
            stages.append(nn.Sequential())
        stages[-1].append(layer)
        size = x.shape[-1]
    return stages
