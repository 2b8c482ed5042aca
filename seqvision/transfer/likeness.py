"""How much pictures are like those that an encoder learnt from, by what its batch norm remembers of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seqvision.devices import widened
from seqvision.encoders.base import Encoder

PICTURES = 200  # of each kind that is compared
AT_ONCE = 50  # that go through the encoder together
SIMILAR = 0.75  # likeness from here on: less than a quarter of the way from photographs to noise


@dataclass(frozen=True)
class Likeness:
    """How far pictures' statistics inside an encoder are from those of its pre-training, stage by stage, beside known
    kinds of pictures.

    distances: of each kind, by stage from the pixels on, in [0, 1]; "yours" are the ones in question.
    """

    distances: dict[str, list[float]]

    def mean(self, kind: str) -> float:
        """Over the stages."""
        return float(np.mean(self.distances[kind]))

    def of(self, kind: str) -> float:
        """1 for what is as near to the pre-training as photographs are, 0 for what is as far as noise is."""
        near, far = self.mean("photographs"), self.mean("noise")
        return float(np.clip((far - self.mean(kind)) / (far - near), 0, 1))

    @property
    def value(self) -> float:
        """The likeness of the pictures in question."""
        return self.of("yours")

    @property
    def similar(self) -> bool:
        """Whether they pass for what the encoder learnt from."""
        return self.value >= SIMILAR

    def to_text(self) -> str:
        """The table for people, the nearest kind first."""
        lines = ["distance from the statistics of the pre-training, by stage from the pixels on, and likeness"]
        for kind in sorted(self.distances, key=self.mean):
            stages = " ".join(f"{value:.3f}" for value in self.distances[kind])
            lines.append(f"  {kind:<13}{stages}   {self.of(kind):.2f}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for programs."""
        return {"likeness": {kind: self.of(kind) for kind in self.distances}, "distances": self.distances}


def likeness(
    encoder: Encoder, pictures: UInt8[Tensor, "pictures channels height width"], *, seed: int = 0
) -> Likeness | None:
    """The likeness of pictures to the encoder's pre-training, beside photographs, drawn scenes and noise of the same
    size; None where the encoder has no batch norm, which alone remembers what it saw.
    """
    kinds = {"yours": pictures[:PICTURES], **references(pictures.shape[-1], seed=seed)}
    found = {kind: stage_distances(encoder, images) for kind, images in kinds.items()}
    return Likeness(found) if found["yours"] else None


@torch.no_grad()
def stage_distances(encoder: Encoder, pictures: UInt8[Tensor, "pictures channels height width"]) -> list[float]:
    """For each stage that has batch norm the mean, over its layers and their channels, of the squared Hellinger
    distance between two normal distributions: with the mean and the variance that the layer's input has here, and with
    those that the layer has kept from its training. 0: the same; 1: nothing in common.
    """
    stages = [
        [m for m in stage if isinstance(m, _BatchNorm) and m.running_var is not None]
        for stage in encoder.stage_modules()
    ]
    sums: dict[nn.Module, Tensor] = {}

    def count(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = widened(inputs[0].transpose(0, 1).flatten(1))
        new = torch.stack([x.sum(1), x.square().sum(1), torch.full_like(x[:, 0], x.shape[1])])
        sums[layer] = sums[layer] + new if layer in sums else new

    handles = [layer.register_forward_pre_hook(count) for stage in stages for layer in stage]
    training = encoder.training
    encoder.eval()
    try:
        for part in pictures.split(AT_ONCE):
            encoder(part.to(encoder.mean.device))
    finally:
        encoder.train(training)
        for handle in handles:
            handle.remove()
    return [float(torch.stack([_distance(layer, sums[layer]) for layer in stage]).mean()) for stage in stages if stage]


def _distance(layer: Any, sums: Float[Tensor, "3 channels"]) -> Float[Tensor, ""]:
    mean, square = sums[0] / sums[2], sums[1] / sums[2]
    variance, kept = (square - mean.square()).clamp(min=0), widened(layer.running_var)
    both = variance + kept + layer.eps
    overlap = (2 * (variance * kept).sqrt() + layer.eps) / both
    apart = (mean - widened(layer.running_mean)).square() / both
    distance: Tensor = (1 - overlap.sqrt() * (-apart / 4).exp()).mean()
    return distance


def references(size: int, *, seed: int = 0) -> Mapping[str, UInt8[Tensor, "pictures 3 size size"]]:
    """Kinds of pictures that need no download: parts of scikit-learn's two photographs, drawn scenes, noise."""
    from sklearn.datasets import load_sample_images

    from seqvision.data.scenes import draw_scene, make_scene

    draws = np.random.default_rng(seed)
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    parts = [_part(photographs[number % len(photographs)], size, draws) for number in range(PICTURES)]
    scenes = [draw_scene(make_scene(seed, number, "train"), size) for number in range(PICTURES)]
    noise = draws.integers(256, size=(PICTURES, 3, size, size), dtype=np.uint8)
    return {
        "photographs": torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2),
        "drawn scenes": torch.from_numpy(np.stack(scenes)).permute(0, 3, 1, 2),
        "noise": torch.from_numpy(noise),
    }


def _part(photograph: Image.Image, size: int, draws: np.random.Generator) -> np.ndarray:
    """A square of a third of the shorter side or more, anywhere, sometimes mirrored."""
    shorter = min(photograph.size)
    side = int(draws.uniform(0.33, 1) * shorter)
    left, top = (int(draws.integers(0, whole - side + 1)) for whole in photograph.size)
    found = photograph.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    pixels = np.asarray(found)
    return pixels[:, ::-1] if draws.random() < 0.5 else pixels
