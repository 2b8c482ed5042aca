"""The control of DRAW: a variational autoencoder, which sees a picture once and paints it at once.

Source: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014).
"""

from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.errors import expect_counts
from seqvision.models.painter import Drawing, Painter, Posterior, draw_latents


class VariationalAutoencoder(Painter):
    """One step: layers of `hidden_size` units with tanh, latent numbers, as many layers back, the canvas.

    num_layers: hidden layers on either side. The others: see `Painter`.
    """

    def __init__(self, *, hidden_size: int = 500, num_layers: int = 2, latent_size: int = 100, **settings: Any):
        super().__init__(steps=1, latent_size=latent_size, **settings)
        expect_counts(hidden_size=hidden_size, num_layers=num_layers)
        numbers = self.start.numel()
        self.encoder = layers(numbers + self.classes, hidden_size, num_layers, 2 * latent_size)
        self.decoder = layers(latent_size + self.classes, hidden_size, num_layers, numbers)

    def look(
        self,
        pictures: Float[Tensor, "batch channels height width"],
        labels: Int[Tensor, " batch"] | None,
        noise: Float[Tensor, "batch steps latent"],
        *,
        keep: bool,
    ) -> tuple[Posterior, Drawing]:
        # as DRAW's first step does, it sees what is wrong with the first canvas
        seen = (pictures - self.pixels.mean(self.start)).flatten(1)
        numbers = self.encoder(torch.cat([seen, *self.told(labels, len(pictures))], dim=1)).unsqueeze(1)
        posterior = draw_latents(numbers, noise)
        return posterior, self.draw(posterior.latents, labels, keep=keep)

    def draw(
        self,
        latents: Float[Tensor, "batch steps latent"],
        labels: Int[Tensor, " batch"] | None = None,
        *,
        keep: bool = False,
    ) -> Drawing:
        numbers = self.decoder(torch.cat([latents.squeeze(1), *self.told(labels, len(latents))], dim=1))
        canvas = self.start + numbers.unflatten(1, self.shape)
        return Drawing(canvas, canvas.unsqueeze(1) if keep else None)


def layers(inputs: int, hidden_size: int, number: int, outputs: int) -> nn.Sequential:
    """`number` hidden layers with tanh, and a linear one."""
    sizes = [inputs, *[hidden_size] * number]
    hidden = [nn.Sequential(nn.Linear(*pair), nn.Tanh()) for pair in pairwise(sizes)]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))
