"""The named batch of whole pictures with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from seqvision.data.batches import Batch

NO_LABEL = -1


@dataclass(frozen=True)
class PictureBatch(Batch):
    """Pictures of any sizes, and what they show.

    images   (batch, channels, height, width); where the pictures differ in size, zeros at the right and below
    sizes    height and width of each, (batch, 2)
    labels   its symbols' classes in order, (batch, symbols), −1 behind the last; a picture with a class has one
    """

    images: UInt8[Tensor, "batch channels height width"]
    sizes: Int[Tensor, "batch 2"]
    labels: Int[Tensor, "batch symbols"]


def picture_batch(ids: list[str], pictures: Sequence[Tensor], labels: Sequence[Sequence[int]]) -> PictureBatch:
    """The batch of pictures (channels, height, width) of one number of channels."""
    sizes = torch.tensor([picture.shape[1:] for picture in pictures])
    height, width = sizes.amax(dim=0).tolist()
    if all(picture.shape == pictures[0].shape for picture in pictures):
        images = torch.stack(list(pictures))
    else:
        images = pictures[0].new_zeros(len(pictures), len(pictures[0]), height, width)
        for row, picture in zip(images, pictures, strict=True):
            row[:, : picture.shape[1], : picture.shape[2]] = picture
    rows = torch.full((len(labels), max(1, max(map(len, labels)))), NO_LABEL)
    for row, symbols in zip(rows, labels, strict=True):
        row[: len(symbols)] = torch.tensor(symbols, dtype=torch.long)
    return PictureBatch(ids, images, sizes, rows)
