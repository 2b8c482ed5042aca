"""Where a model looked, word by word."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

DARKEST = 0.78  # how dark the places become where the model did not look


def spotlight(weights: np.ndarray) -> Image.Image:
    """A black picture (rows, columns), the more transparent the more attention a place has: laid over the picture and
    enlarged, it leaves lit what the model looked at. Black without a trace where the weights are all zero."""
    weights = np.asarray(weights, float)
    share = weights / max(float(weights.max(initial=0.0)), 1e-12)
    layers = np.zeros((*weights.shape, 2), np.uint8)
    layers[..., 1] = np.round(255 * DARKEST * (1 - share))
    return Image.fromarray(layers)  # two 8-bit channels: grey and opacity


def covered_share(width: int, height: int, fit: str) -> tuple[float, float]:
    """How much of the square box around a picture the model's view takes, as shares of the box's width and height.

    Both the picture and the view lie in the middle of the box. fit: as the transform that made the view ("pad": all
    of the box, "crop": the square in the picture's middle, "stretch": the picture itself).
    """
    longest = max(width, height)
    if fit == "pad":
        return 1.0, 1.0
    if fit == "crop":
        return min(width, height) / longest, min(width, height) / longest
    return width / longest, height / longest


def attention_figure(picture: Image.Image, words: Sequence[str], attention: np.ndarray, *, columns: int = 6) -> Figure:
    """The picture once a word, lit where the model looked when it wrote it.

    picture: as the model saw it (square). attention (words, rows, columns).
    """
    rows = -(-(len(words) + 1) // columns)
    figure = Figure(figsize=(1.6 * columns, 1.85 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes:
        axis.axis("off")
    axes[0].imshow(picture)
    for axis, word, weights in zip(axes[1:], words, attention, strict=False):
        mask = spotlight(weights).resize(picture.size, Image.Resampling.BICUBIC)
        axis.imshow(picture)
        axis.imshow(np.zeros(picture.size[::-1]), cmap="gray", alpha=np.asarray(mask.getchannel("A")) / 255)
        axis.set_title(word.strip(), fontsize=10)
    return figure
