"""What pixels are taken relative to: the mean and the deviation of each channel, of the training pictures or given."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from seqvision.encoders.base import Encoder
from seqvision.encoders.fusion import Fusion
from seqvision.errors import UserError

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def scale_pixels(
    network: nn.Module, how: str, sample: Callable[[], UInt8[Tensor, "pictures channels height width"]]
) -> None:
    """From here on each of the network's encoders takes pixels relative to a mean and a deviation a channel; they are
    part of its weights.

    how: "measured", those of the pictures that `sample` gives; "imagenet"; or a file that `seqvision data check
    --format json` wrote. UserError where no encoder is there, or where one's weights were learnt with other numbers.
    """
    encoders = [part for part in network.modules() if isinstance(part, Encoder) and not isinstance(part, Fusion)]
    if not encoders:
        raise UserError(
            f"normalise={how}: this network has no encoder that sees pixels; frames of numbers are scaled by "
            "front.scaling, and what reads by looks or paints takes pixels from 0 to 1. Leave it out (normalise=null)"
        )
    loaded = [str(encoder) for encoder in encoders if encoder.loaded]
    if loaded:
        raise UserError(
            f"normalise={how}: the weights of {loaded[0]} were learnt with pixels scaled in another way, which came "
            "with them. Leave it out (normalise=null)"
        )
    pictures = sample() if how == "measured" else None
    given = None if how == "measured" else IMAGENET if how == "imagenet" else read_statistics(how)
    for encoder in encoders:
        encoder.scale(*(measured(encoder, pictures) if given is None else given))  # type: ignore[arg-type]


def measured(
    encoder: Encoder, pictures: UInt8[Tensor, "pictures channels height width"]
) -> tuple[list[float], list[float]]:
    """Mean and deviation of each channel as the encoder sees it, grey of colours included."""
    encoder.scale([0.0] * encoder.in_channels, [1.0] * encoder.in_channels)
    sums = torch.zeros(3, encoder.in_channels, dtype=torch.float64)
    for part in pictures.split(64):
        pixels = encoder.prepare(part.to(encoder.mean.device)).cpu().double()
        sums[0] += pixels.numel() / encoder.in_channels
        sums[1] += pixels.sum(dim=(0, 2, 3))
        sums[2] += pixels.square().sum(dim=(0, 2, 3))
    mean = sums[1] / sums[0]
    deviation = (sums[2] / sums[0] - mean.square()).clamp(min=0).sqrt()
    return mean.tolist(), [value if value > 1e-4 else 1.0 for value in deviation.tolist()]


def read_statistics(file: str | Path) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation of each channel as `seqvision data check --format json` stored them."""
    try:
        stored = json.loads(Path(file).read_text(encoding="utf-8"))
        mean, deviation = stored["channel_mean"], stored["channel_std"]
        if len(mean) != len(deviation) or len(mean) not in (1, 3) or not all(value > 0 for value in deviation):
            raise ValueError(f"{len(mean)} means and {len(deviation)} deviations")
        if not all(map(math.isfinite, [*mean, *deviation])):
            raise ValueError("a mean or a deviation that is not finite")
    except (OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UserError(
            f"normalise={file}: expected null, measured, imagenet, or a file with channel_mean and channel_std of 1 or "
            f"3 channels ({error!r:.200}). `seqvision data check SOURCE --format json --output {file}` writes one"
        ) from error
    return mean, deviation
