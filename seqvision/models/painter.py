"""What all networks share that paint a picture from latent numbers: the variational bound, samples, interpolations."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.attention.filter_banks import Window
from seqvision.autocast import in_float32
from seqvision.errors import UserError, expect_counts
from seqvision.models.pixels import Pixels


class Drawing(NamedTuple):
    """What was painted.

    canvas    after the last step, (batch, channels, height, width)
    canvases  after each step, (batch, steps, channels, height, width), where they were asked for
    windows   where each step wrote, (batch, steps) in each field, where they were asked for and there are any
    """

    canvas: Tensor
    canvases: Tensor | None = None
    windows: Window | None = None


class Posterior(NamedTuple):
    """What the network makes of pictures: a normal distribution a step, and what was drawn from it.

    All are (batch, steps, latent).
    """

    mean: Tensor
    log_deviation: Tensor
    latents: Tensor

    @in_float32
    def kl(self) -> Float[Tensor, "batch steps"]:
        """KL(q(z_t | x, z_<t) ‖ N(0, 1)) in nats, step by step (equation 10, with the 1 of each latent number)."""
        squares = self.mean.square() + (2 * self.log_deviation).exp()
        return (0.5 * (squares - 1) - self.log_deviation).sum(dim=-1)

    @in_float32
    def log_ratio(self) -> Float[Tensor, " batch"]:
        """log p(z) − log q(z | x) of what was drawn, in nats; its mean over draws is minus the KL's sum."""
        noise = (self.latents - self.mean) / self.log_deviation.exp()
        return (0.5 * (noise.square() - self.latents.square()) + self.log_deviation).sum(dim=(1, 2))


@in_float32
def draw_latents(
    numbers: Float[Tensor, "batch steps two_latent"], noise: Float[Tensor, "batch steps latent"]
) -> Posterior:
    """The distributions that a network's outputs mean, and latent numbers drawn from them by standard normal noise."""
    mean, log_deviation = numbers.chunk(2, dim=2)
    return Posterior(mean, log_deviation, mean + log_deviation.exp() * noise)


class Bound(NamedTuple):
    """The variational bound of each picture and its parts, in nats on the whole picture.

    log_likelihood  log p(x | z) of the drawn latents, (batch,)
    kl              step by step, (batch, steps)
    """

    log_likelihood: Tensor
    kl: Tensor
    posterior: Posterior
    drawing: Drawing

    @property
    def nats(self) -> Float[Tensor, " batch"]:
        """Minus the bound: an upper bound, in expectation, of −log p(x); what training makes small."""
        return self.kl.sum(dim=1) - self.log_likelihood


class Painter(nn.Module):
    """A subclass says how latent numbers become a picture (`draw`) and what they are, given one (`look`).

    pixels: what a canvas means. pictures: their `channels`, `height` and `width`. steps, latent_size: how many latent
    numbers, of each step. classes, objects: how many the data have, and how many of them a picture. conditional: the
    network is told the class, 0, 1, …, or −1 where nobody knows it, both when it looks and when it paints.

    Pictures are floats from 0 to 1, (batch, channels, height, width), and of one size.
    """

    def __init__(
        self,
        pixels: Pixels,
        *,
        pictures: Mapping[str, int | None],
        steps: int,
        latent_size: int,
        classes: int = 0,
        objects: int = 1,
        conditional: bool = False,
    ):
        super().__init__()
        expect_counts(steps=steps, latent_size=latent_size)
        channels, height, width = (pictures[side] for side in ("channels", "height", "width"))
        if channels is None or height is None or width is None:
            raise UserError(
                "the pictures differ in size, and what paints needs one size for all: set it with data.reader.size=64"
            )
        if conditional and (not classes or objects > 1):
            found = "several labels a picture" if classes else "no classes"
            raise UserError(
                f"model.conditional=true: the data have {found}, expected one class a picture; leave it out"
            )
        self.pixels = pixels
        self.shape = (channels, height, width)
        self.steps, self.latent_size = steps, latent_size
        self.classes = classes if conditional else 0
        self.start = nn.Parameter(torch.zeros(self.shape))

    def look(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        labels: Int[Tensor, " batch"] | None,
        noise: Float[Tensor, "batch steps latent"],
        *,
        keep: bool,
    ) -> tuple[Posterior, Drawing]:
        """What the network makes of the pictures, and what it paints of that; noise: standard normal numbers."""
        raise NotImplementedError

    def draw(
        self,
        latents: Float[Tensor, "batch steps latent"],
        labels: Int[Tensor, " batch"] | None = None,
        *,
        keep: bool = False,
    ) -> Drawing:
        """The pictures that latent numbers stand for. keep: with all canvases and windows."""
        raise NotImplementedError

    def forward(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        labels: Int[Tensor, " batch"] | None = None,
        *,
        noise: Float[Tensor, "batch steps latent"] | None = None,
        keep: bool = False,
    ) -> Bound:
        """The bound of each picture; noise: standard normal numbers, drawn unless given."""
        noise = self.noise(len(pictures)) if noise is None else noise
        posterior, drawing = self.look(pictures, labels, noise, keep=keep)
        return Bound(self.pixels.log_likelihood(pictures, drawing.canvas), posterior.kl(), posterior, drawing)

    def sample(
        self,
        number: int,
        labels: Int[Tensor, " batch"] | None = None,
        *,
        generator: torch.Generator | None = None,
        keep: bool = False,
    ) -> Drawing:
        """New pictures, from latent numbers of the prior."""
        return self.draw(self.noise(number, generator), labels, keep=keep)

    def reconstruct(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        labels: Int[Tensor, " batch"] | None = None,
        *,
        keep: bool = False,
    ) -> tuple[Posterior, Drawing]:
        """The pictures painted from the means of their latent numbers, and these."""
        nothing = self.start.new_zeros(len(pictures), self.steps, self.latent_size)
        return self.look(pictures, labels, nothing, keep=keep)

    def interpolate(
        self,
        first: Float[Tensor, "channels height width"],
        second: Float[Tensor, "channels height width"],
        labels: Int[Tensor, " 2"] | None = None,
        *,
        number: int = 8,
    ) -> Drawing:
        """`number` pictures from the first to the second, along a straight line between their latent numbers.

        Where the network is told a class, the first half has the first picture's, the rest the second's.
        """
        posterior, _ = self.reconstruct(torch.stack([first, second]), labels)
        way = torch.linspace(0, 1, number, device=self.start.device)
        latents = torch.lerp(posterior.latents[0], posterior.latents[1], way[:, None, None])
        return self.draw(latents, labels if labels is None else labels[(way > 0.5).long()])

    def importance_weighted(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        labels: Int[Tensor, " batch"] | None = None,
        *,
        noise: Iterable[Float[Tensor, "batch steps latent"]],
    ) -> Float[Tensor, " batch"]:
        """log 1/K Σ p(x, z_k) / q(z_k | x), in nats: nearer to log p(x) than the bound, from below in expectation.

        noise: standard normal numbers of each of the K draws. Source: Burda, Grosse and Salakhutdinov, "Importance
        Weighted Autoencoders" (2016), equation 8.
        """
        bounds = (self(pictures, labels, noise=each) for each in noise)
        weights = torch.stack([bound.log_likelihood + bound.posterior.log_ratio() for bound in bounds])
        return weights.logsumexp(dim=0) - math.log(len(weights))

    def begin_at(self, mean: Float[Tensor, "channels height width"]) -> None:
        """The first canvas stands for a mean picture: a start that training need not find."""
        self.start.data.copy_(self.pixels.canvas(mean))

    def told(self, labels: Int[Tensor, " batch"] | None, number: int) -> Iterator[Float[Tensor, "batch classes"]]:
        """What is put beside an input to tell the class: one-hot, zeros where it is unknown; nothing where there are
        no classes.
        """
        if self.classes:
            if labels is None:
                labels = torch.full((number,), -1, device=self.start.device)
            yield F.one_hot(labels + 1, self.classes + 1)[:, 1:].to(self.start.dtype)

    def noise(self, number: int, generator: torch.Generator | None = None) -> Float[Tensor, "batch steps latent"]:
        """Standard normal numbers for that many pictures; a generator is the CPU's."""
        shape = (number, self.steps, self.latent_size)
        if generator is not None:
            return torch.randn(shape, generator=generator).to(self.start)
        return torch.randn(shape, device=self.start.device, dtype=self.start.dtype)
