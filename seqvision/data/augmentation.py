"""How pictures and sequences are augmented: each picture, or each sequence, with a draw of its own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from seqvision.data.loading import seed_of
from seqvision.errors import UserError


class BatchAugmentation(ABC):
    """Pictures to pictures of the same shape, a pure function of each picture and its seed."""

    @abstractmethod
    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]: ...


def augmented(
    pictures: UInt8[Tensor, "batch channels height width"],
    seeds: Sequence[int],
    augmentations: Sequence[Callable[..., Tensor]],
) -> UInt8[Tensor, "batch channels new_height new_width"]:
    """The pictures through each augmentation in turn, every picture with the draws of its own seed.

    What is no `BatchAugmentation` sees one picture (channels, height, width) at a time and may draw from torch's global
    generator, as torchvision's v2 transforms do: those would give all pictures of a batch the same draw.
    """
    for place, augmentation in enumerate(augmentations):
        drawn = [seed_of(seed, place) for seed in seeds]
        if isinstance(augmentation, BatchAugmentation):
            pictures = augmentation(pictures, drawn)
        else:
            each = zip(pictures, drawn, strict=True)
            pictures = stack_pictures([_seeded(augmentation, picture, seed) for picture, seed in each])
    return pictures


def augmented_sequence(
    frames: Shaped[Tensor, "time ..."],
    seed: int,
    augmentations: Sequence[Callable[..., Tensor]],
) -> Tensor:
    """A sequence's frames through each augmentation in turn, all frames with the same draws."""
    for place, augmentation in enumerate(augmentations):
        drawn = seed_of(seed, place)
        if isinstance(augmentation, BatchAugmentation):
            if frames.dim() != 4:
                raise UserError(
                    f"augmentation: {type(augmentation).__name__} varies pictures, and these frames are rows of "
                    "numbers or words; take augmentation=noise for numbers, or none"
                )
            frames = augmentation(frames, [drawn] * len(frames))
        else:
            frames = _seeded(augmentation, frames, drawn)
    return frames


def _seeded(augmentation: Callable[[Tensor], Tensor], pixels: Tensor, seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which reseeds the accelerators as well
        return augmentation(pixels)


def stack_pictures(pictures: Sequence[Tensor]) -> UInt8[Tensor, "batch channels height width"]:
    """The pictures in one tensor, which lies in memory as they do: for channels last, four times as fast as else."""
    if all(picture.stride(0) == 1 for picture in pictures):
        return torch.stack([picture.permute(1, 2, 0) for picture in pictures]).permute(0, 3, 1, 2)
    return torch.stack(list(pictures))


def even_draws(number: int, seeds: Sequence[int]) -> Float[Tensor, "batch number"]:
    """Evenly drawn from −1 to 1."""
    return torch.stack([torch.rand(number, generator=torch.Generator().manual_seed(seed)) for seed in seeds]) * 2 - 1


class FeatureNoise:
    """Features with normal noise of that deviation: where there are few sequences, each epoch sees other ones."""

    def __init__(self, deviation: float):
        self.deviation = deviation

    def __call__(self, frames: Shaped[Tensor, "time ..."]) -> Float[Tensor, "time ..."]:
        if not frames.is_floating_point():
            raise UserError(
                "augmentation=noise is for features; for pictures take augmentation=colour, shapes or crop, for words "
                "augmentation=none"
            )
        return frames + self.deviation * torch.randn(frames.shape)
