"""Several answers of one network: with its own noise left on, or by several views of a picture; and their mean."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import product
from typing import Any, TypeVar

import numpy as np
import torch.nn.functional as F
from jaxtyping import Shaped
from torch import Tensor, nn

from seqvision.encoders import FractionalMaxPool
from seqvision.errors import UserError
from seqvision.inference.checkpoint import LoadedModel
from seqvision.models.noise import LEAVING_OUT, DropConnectConv2d, DropConnectLinear

LoadedT = TypeVar("LoadedT", bound=LoadedModel)
View = Callable[[Tensor], Tensor]
CROPS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5))  # left upper corners, of what is left over
SCALES = {"ten_crop": (256 / 224,), "ten_crop_five_scales": tuple(side / 224 for side in (224, 256, 384, 480, 640))}
DRAWN = ("mc_dropout", "dropconnect_gaussian")
INFERENCE = (*DRAWN, *SCALES)


def members_of(loaded: Sequence[LoadedT], inference: str | None, *, samples: int = 20) -> list[LoadedT]:
    """What answers in place of these models: each of them several times, with the same weights.

    inference: "mc_dropout", `samples` copies whose noise stays on: dropout, DropConnect, stochastic depth, the regions
    of fractional pooling (Gal and Ghahramani, "Dropout as a Bayesian Approximation", 2016); "dropconnect_gaussian", the
    same with the layers of noise.dropconnect alone, whose units are drawn and not their weights, with the mean and the
    variance that leaving out weights gives them (Wan et al., 2013, section 3.2); "ten_crop", the corners and the middle
    of the picture at 256/224 of its size, and their mirror images (Krizhevsky, Sutskever and Hinton, 2012, section
    4.1); "ten_crop_five_scales", these at 1, 256/224, 384/224, 480/224 and 640/224 (He et al., 2016, section 3.4), each
    different view once; None, themselves.

    UserError for a network without noise, or for views of what are no pictures.
    """
    if inference is None:
        return list(loaded)
    if inference in DRAWN:
        noisy = _is_noisy if inference == "mc_dropout" else _is_dropconnect
        return [member for each in loaded for member in _noisy_copies(each, samples, noisy, inference)]
    views = list(crop_views(SCALES[inference]))
    return [_seeing(each, view) for each in loaded for view in views]


def averaged(found: Iterable[Iterable[np.ndarray]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The mean of each item's probabilities over the members, and their standard deviation."""
    items = [np.stack(item) for item in zip(*found, strict=True)]
    return [item.mean(axis=0) for item in items], [item.std(axis=0) for item in items]


def spread_of(means: Iterable[np.ndarray], spreads: Iterable[np.ndarray]) -> float:
    """How far the members' probabilities of the likeliest class lie apart, on average, in percent."""
    p, deviation = (
        np.concatenate([np.atleast_2d(m) for m in means]),
        np.concatenate([np.atleast_2d(s) for s in spreads]),
    )
    return 100 * float(deviation[np.arange(len(p)), p.argmax(axis=1)].mean())


def crop_views(scales: Sequence[float]) -> Iterator[View]:
    """Each crop of a picture at each scale, enlarged to the picture's own size, and mirrored; of those at scale 1,
    which show all of it, one."""
    for scale in scales:
        for (down, across), mirrored in product(CROPS if scale > 1 else CROPS[:1], (False, True)):
            yield _Crop(scale, down, across, mirrored)


class _Crop:
    """A part of pictures, 1/scale of their sides, as large as they were."""

    def __init__(self, scale: float, down: float, across: float, mirrored: bool):
        self.scale, self.down, self.across, self.mirrored = scale, down, across, mirrored

    def __call__(
        self, pictures: Shaped[Tensor, "*batch channels height width"]
    ) -> Shaped[Tensor, "*batch channels height width"]:
        height, width = pictures.shape[-2:]
        rows, columns = round(height / self.scale), round(width / self.scale)
        top, left = round(self.down * (height - rows)), round(self.across * (width - columns))
        part = pictures[..., top : top + rows, left : left + columns]
        flat = part.reshape(-1, 1, rows, columns).float()
        seen = F.interpolate(flat, (height, width), mode="bilinear", align_corners=False, antialias=True)
        seen = (seen.flip(-1) if self.mirrored else seen).view(pictures.shape)
        return seen if pictures.is_floating_point() else seen.round_().clamp_(0, 255).to(pictures.dtype)


def _noisy_copies(
    loaded: LoadedT, samples: int, noisy: Callable[[nn.Module], bool], inference: str
) -> Iterator[LoadedT]:
    if not any(noisy(module) for module in loaded.model.modules()):
        keys = "model.dropout or rnn.dropconnect" if inference == "mc_dropout" else "noise.dropconnect"
        raise UserError(
            f"--inference {inference}: {loaded.path} draws nothing, so that all samples would be the same; train it "
            f"with {keys} above 0"
        )
    for _ in range(samples):
        model = _copied(loaded.model)
        for module in model.modules():
            if noisy(module):
                module.training = True  # its own flag, not that of what is in it: statistics stay as they are
                if inference == "dropconnect_gaussian":
                    setattr(module, "gaussian", True)  # noqa: B010  # a Module does not know it
        yield replace(loaded, model=model)


def _is_noisy(module: nn.Module) -> bool:
    """Whether it draws in training what it does not in evaluation, and nothing else of it changes."""
    if isinstance(module, FractionalMaxPool):
        return True
    drawn = float(getattr(module, "drop_prob", 0.0) or 0.0)  # stochastic depth
    return bool(module.p if isinstance(module, LEAVING_OUT) else drawn)


def _is_dropconnect(module: nn.Module) -> bool:
    """Whether it is a layer whose units can be drawn in place of its weights."""
    return isinstance(module, (DropConnectLinear, DropConnectConv2d))


def _seeing(loaded: LoadedT, view: View) -> LoadedT:
    model = _copied(loaded.model)
    entry = next((part for name in ("encoder", "front") if (part := getattr(model, name, None)) is not None), model)

    def replaced(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        pictures, *others = given
        if pictures.dim() < 4:
            raise UserError(f"--inference: {loaded.path} sees no pictures, so there are no parts of them to look at")
        return (view(pictures), *others)

    entry.register_forward_pre_hook(replaced)
    return replace(loaded, model=model)


def _copied(model: nn.Module) -> nn.Module:
    """A network of its own over the same weights."""
    tensors = [*model.parameters(), *model.buffers()]
    return deepcopy(model, {id(tensor): tensor for tensor in tensors})
