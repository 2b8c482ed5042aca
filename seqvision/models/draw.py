"""DRAW: a picture painted in steps by two recurrent networks, of which one looks and the other paints.

Source: Gregor, Danihelka, Graves, Rezende and Wierstra, "DRAW: A Recurrent Neural Network for Image Generation" (2015).
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.attention.filter_banks import Window
from seqvision.autocast import in_float32
from seqvision.models.painter import Drawing, Painter, Posterior
from seqvision.models.read_write import Read, Write
from seqvision.rnn import LearntState, Recurrent, stepwise


class Draw(Painter):
    """Each step reads where the decoder says, draws latent numbers, and adds to the canvas (equations 3 to 8).

    encoder, decoder: partials of `Recurrent` that lack their input size; any cell, any number of layers.
    read, write: partials of a `Read` and a `Write` that lack channels, height and width.
    The others: see `Painter`. Where both begin, and the first canvas, are learnt.
    Autocast does not reach in here: positions and canvases add up over the steps.
    """

    def __init__(
        self,
        encoder: Callable[..., Recurrent],
        decoder: Callable[..., Recurrent],
        *,
        read: Callable[..., Read],
        write: Callable[..., Write],
        steps: int = 10,
        latent_size: int = 100,
        **settings: Any,
    ):
        super().__init__(steps=steps, latent_size=latent_size, **settings)
        channels, height, width = self.shape
        shape = {"channels": channels, "height": height, "width": width}
        self.read, self.write = read(**shape), write(**shape)
        self.decoder = stepwise(decoder, input_size=latent_size + self.classes)
        self.encoder = stepwise(encoder, input_size=self.read.output_size + self.decoder.output_size + self.classes)
        self.encoder_start, self.decoder_start = LearntState(self.encoder), LearntState(self.decoder)
        self.to_latents = nn.Linear(self.encoder.output_size, 2 * latent_size)
        self.sizes = [self.read.numbers, self.write.numbers]
        self.to_canvas = nn.Linear(self.decoder.output_size, sum(self.sizes))  # where to read next, what to write

    @in_float32
    def look(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        labels: Int[Tensor, " batch"] | None,
        noise: Float[Tensor, "batch steps latent"],
        *,
        keep: bool,
    ) -> tuple[Posterior, Drawing]:
        number = len(pictures)
        told = list(self.told(labels, number))
        looking, painting = self.encoder_start(number), self.decoder_start(number)
        said = self.decoder.output(painting)
        reading, _ = self.to_canvas(said).split(self.sizes, dim=1)
        strokes = Strokes(self.start.expand(number, -1, -1, -1), keep=keep)
        means, log_deviations, latents = [], [], []
        for noise_t in noise.unbind(1):
            seen = self.read(pictures, pictures - self.pixels.mean(strokes.canvas), reading)
            understood, looking = self.encoder.step(torch.cat([seen, said, *told], dim=1), looking)
            mean, log_deviation = self.to_latents(understood).chunk(2, dim=1)
            z = mean + log_deviation.exp() * noise_t
            said, painting = self.decoder.step(torch.cat([z, *told], dim=1) if told else z, painting)
            reading, stroke = self.to_canvas(said).split(self.sizes, dim=1)
            strokes.add(*self.write(stroke))
            means.append(mean)
            log_deviations.append(log_deviation)
            latents.append(z)
        posterior = Posterior(*(torch.stack(column, dim=1) for column in (means, log_deviations, latents)))
        return posterior, strokes.drawing()

    @in_float32
    def draw(
        self,
        latents: Float[Tensor, "batch steps latent"],
        labels: Int[Tensor, " batch"] | None = None,
        *,
        keep: bool = False,
    ) -> Drawing:
        number = len(latents)
        told = list(self.told(labels, number))
        painting = self.decoder_start(number)
        strokes = Strokes(self.start.expand(number, -1, -1, -1), keep=keep)
        for z in latents.unbind(1):
            said, painting = self.decoder.step(torch.cat([z, *told], dim=1), painting)
            _, stroke = self.to_canvas(said).split(self.sizes, dim=1)
            strokes.add(*self.write(stroke))
        return strokes.drawing()


class Strokes:
    """A canvas that is added to, and what a figure wants to know of each step, where that is kept."""

    def __init__(self, canvas: Float[Tensor, "batch channels height width"], *, keep: bool):
        self.canvas = canvas
        self.keep = keep
        self.canvases: list[Tensor] = []
        self.windows: list[Window] = []

    def add(self, stroke: Float[Tensor, "batch channels height width"], window: Window | None) -> None:
        """One more step."""
        self.canvas = self.canvas + stroke
        if self.keep:
            self.canvases.append(self.canvas)
            if window is not None:
                self.windows.append(window)

    def drawing(self) -> Drawing:
        """What was painted so far."""
        if not self.keep:
            return Drawing(self.canvas)
        windows = (
            Window(*(torch.stack(column, dim=1) for column in zip(*self.windows, strict=True)))
            if self.windows
            else None
        )
        return Drawing(self.canvas, torch.stack(self.canvases, dim=1), windows)
