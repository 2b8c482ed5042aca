"""What an encoder is and costs: weights, operations, the smallest picture, its features."""

from bisect import bisect_left
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from seqvision.encoders.base import Encoder


@dataclass(frozen=True)
class Survey:
    """An encoder's figures for square pictures of `image_size` pixels.

    parameters: without any classifier, which an encoder does not have
    multiply_adds: of one picture, in convolutions and matrix products; None where the picture is too small
    smallest: the side in pixels of the smallest picture that the network takes; None if larger than was tried
    map_size: height and width of the map; None where the picture is too small
    feature_size: channels of the map
    pretrained: where ImageNet weights are, see `Encoder.pretrained`
    """

    image_size: int
    parameters: int
    multiply_adds: int | None
    smallest: int | None
    map_size: tuple[int, int] | None
    feature_size: int
    pretrained: str


def survey(encoder: Encoder, image_size: int) -> Survey:
    """The figures of an encoder, which may be on torch's device "meta": nothing is computed but shapes."""
    smallest = smallest_picture(encoder)
    fits = smallest is not None and image_size >= smallest
    operations, places = measured(encoder, image_size) if fits else (None, None)
    return Survey(
        image_size=image_size,
        parameters=sum(parameter.numel() for parameter in encoder.parameters()),
        multiply_adds=operations,
        smallest=smallest,
        map_size=places,
        feature_size=encoder.feature_size,
        pretrained=encoder.pretrained(),
    )


def smallest_picture(encoder: Encoder) -> int | None:
    """The side of the smallest picture that the network takes, up to its `image_size`. Found by halving: a network that
    takes a picture takes larger ones.
    """
    for low, high in ((1, 1), (2, 32), (33, encoder.image_size)):  # most take any, nearly all take 32
        if encoder.takes(high):
            return low + bisect_left(range(low, high), True, key=encoder.takes)
    return None


def measured(encoder: Encoder, image_size: int) -> tuple[int, tuple[int, int]]:
    """The multiplications with an addition that one picture takes, in convolutions and matrix products, and the height
    and width of its map.
    """
    training = encoder.training
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.no_grad():
            maps = encoder.eval().maps(encoder.mean.new_zeros(1, encoder.in_channels, image_size, image_size))
    finally:
        encoder.train(training)
    # it counts a multiplication and an addition as two
    return int(counter.get_total_flops()) // 2, (maps[-1].shape[-2], maps[-1].shape[-1])
