"""What a canvas means: the distribution of a picture's pixels given the numbers painted."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.autocast import in_float32
from seqvision.errors import UserError


class Pixels(nn.Module):
    """A distribution of pictures whose parameters are canvases; a subclass a distribution."""

    def mean(self, canvas: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """The mean picture that a canvas stands for: what the network compares with the true one, and what is shown."""
        raise NotImplementedError

    def canvas(self, mean: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """The canvas that stands for a mean picture."""
        raise NotImplementedError

    def log_likelihood(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        canvas: Float[Tensor, "batch channels height width"],
    ) -> Float[Tensor, " batch"]:
        """log p(picture | canvas) in nats, summed over all pixels and channels."""
        raise NotImplementedError

    def expect(self, binarise: str) -> None:
        """Nothing; a UserError where this is no distribution of pictures made zeros and ones in that way."""

    def baseline(
        self, pictures: Float[Tensor, "pictures channels height width"]
    ) -> tuple["Pixels", Float[Tensor, "channels height width"]]:
        """What a network has to beat: the distribution of the same kind, and the one canvas for all, that say most of
        these pictures.
        """
        return self, self.canvas(pictures.mean(dim=0))


class BernoulliPixels(Pixels):
    """Pixels that are 0 or 1; the canvas holds logits (section 4 of the DRAW paper).

    Values in between count as that share of ones: the log-likelihood is then the mean over the pictures of zeros and
    ones that are drawn from them, and a bound is one of that mean.
    """

    def mean(self, canvas: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        return torch.sigmoid(canvas)

    def canvas(self, mean: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        return torch.logit(mean, eps=0.01)

    def baseline(
        self, pictures: Float[Tensor, "pictures channels height width"]
    ) -> tuple[Pixels, Float[Tensor, "channels height width"]]:
        # as if half a picture more had been white: never 0 nor 1
        return self, torch.logit((pictures.sum(dim=0) + 0.5) / (len(pictures) + 1))

    @in_float32
    def log_likelihood(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        canvas: Float[Tensor, "batch channels height width"],
    ) -> Float[Tensor, " batch"]:
        return -F.binary_cross_entropy_with_logits(canvas, pictures, reduction="none").flatten(1).sum(1)


class GaussianPixels(Pixels):
    """Grey levels with a normal distribution round the canvas; a density, so that nats can be below zero.

    Of pixels that are 0 or 1 only it says nothing: the smaller the deviation, the higher the density, without end.

    deviation: of every pixel, the range of pixels being 0 to 1. learnt: `deviation` is where it begins.
    """

    def __init__(self, deviation: float = 0.1, *, learnt: bool = False):
        super().__init__()
        self.learnt = learnt
        self.log_deviation = nn.Parameter(torch.tensor(math.log(deviation)), requires_grad=learnt)

    def expect(self, binarise: str) -> None:
        if binarise != "none":
            raise UserError(
                f"task.binarise={binarise} with GaussianPixels: pixels that are 0 or 1 have no density; set "
                "task.binarise=none for grey levels, or model.pixels._target_=seqvision.models.BernoulliPixels"
            )

    def baseline(
        self, pictures: Float[Tensor, "pictures channels height width"]
    ) -> tuple[Pixels, Float[Tensor, "channels height width"]]:
        mean = pictures.mean(dim=0)
        if not self.learnt:
            return self, mean
        return GaussianPixels(max(float((pictures - mean).square().mean().sqrt()), 1 / 255)), mean

    def mean(self, canvas: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        return canvas

    def canvas(self, mean: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        return mean

    @in_float32
    def log_likelihood(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        canvas: Float[Tensor, "batch channels height width"],
    ) -> Float[Tensor, " batch"]:
        squares = (pictures - canvas).square().flatten(1)
        constant = self.log_deviation + 0.5 * math.log(2 * math.pi)
        return -0.5 * squares.sum(1) * torch.exp(-2 * self.log_deviation) - squares.shape[1] * constant
