"""Augmentations of colour, a whole batch at once."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from seqvision.data.augmentation import BatchAugmentation, even_draws
from seqvision.encoders.base import GREY

# of natural photographs: the eigenvectors of their pixels' covariance in columns, and the roots of its eigenvalues, in
# grey levels
PRINCIPAL = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
SPREAD = (55.46, 4.794, 1.148)


class ColourJitter(BatchAugmentation):
    """Brightness, contrast, saturation and hue of each picture changed a little.

    The factors of brightness, contrast and saturation are drawn from 1 - x to 1 + x, the turn of the hue from -hue to
    hue (a part of the circle). The first three are torchvision's `ColorJitter` in this order, without its clipping
    between them; hue is turned around the axis of greys instead of in HSV. So all of it is one 3 x 3 matrix a picture,
    ten times as fast as `ColorJitter` on one picture after the other.
    """

    def __init__(
        self, brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0, hue: float = 0.0
    ) -> None:
        self.amounts = torch.tensor([brightness, contrast, saturation, 2 * math.pi * hue])

    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]:
        brightness, contrast, saturation, turn = (even_draws(4, seeds) * self.amounts).unbind(1)
        return change_colours(images, 1 + brightness, 1 + contrast, 1 + saturation, turn)


def change_colours(
    images: UInt8[Tensor, "batch channels height width"],
    brightness: Float[Tensor, " batch"],
    contrast: Float[Tensor, " batch"],
    saturation: Float[Tensor, " batch"],
    turn: Float[Tensor, " batch"],
) -> UInt8[Tensor, "batch channels height width"]:
    """The pictures with these factors applied, and hue turned by an angle in radians; grey ones keep being grey."""
    # (batch, channels, places); channels may lie innermost in memory, which costs nothing below
    pixels = images.permute(0, 2, 3, 1).flatten(1, 2).float().transpose(1, 2)
    channels = pixels.shape[1]
    grey = torch.tensor(GREY if channels == 3 else (1.0,))
    mean = pixels.mean(dim=2) @ grey
    colours = torch.eye(channels).expand(len(pixels), -1, -1)
    if channels == 3:
        faded = torch.lerp(grey.expand(3, 3), colours, saturation.view(-1, 1, 1))
        cosine, sine = turn.cos().view(-1, 1, 1), turn.sin().view(-1, 1, 1) / math.sqrt(3)
        axis = torch.full((3, 3), 1 / 3)  # onto the greys, around which hues turn: from red to green to blue
        around = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
        colours = (cosine * torch.eye(3) + (1 - cosine) * axis + sine * around) @ faded
    matrix = (contrast * brightness).view(-1, 1, 1) * colours
    offset = ((1 - contrast) * brightness * mean).view(-1, 1, 1).expand(-1, channels, 1)
    return torch.baddbmm(offset, matrix, pixels).round_().clamp_(0, 255).to(torch.uint8).view(images.shape)


class ColourOffsets(BatchAugmentation):
    """Pictures with one colour added to all pixels, along the directions in which colours vary most.

    The colour is Σ αᵢ σᵢ pᵢ with αᵢ normal of that deviation, pᵢ a principal direction of the pixels' covariance and σᵢ
    their spread along it (Krizhevsky, Sutskever and Hinton, 2012, section 4.1). A grey picture gets its brightness.

    directions, spread: of natural photographs unless given; `seqvision data check` says those of a data set.
    """

    def __init__(
        self,
        deviation: float | int = 0.1,
        *,
        directions: Sequence[Sequence[float]] = PRINCIPAL,
        spread: Sequence[float] = SPREAD,
    ) -> None:
        self.deviation = deviation
        self.colours = torch.tensor([list(row) for row in directions]) * torch.tensor(list(spread))

    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "batch channels height width"]:
        drawn = [torch.randn(3, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        offsets = self.deviation * torch.stack(drawn) @ self.colours.T
        if images.shape[1] == 1:
            offsets = (offsets @ torch.tensor(GREY)).unsqueeze(1)
        return (images.float() + offsets[:, :, None, None]).round_().clamp_(0, 255).to(torch.uint8)
