"""Which words of a sentence a translator looked at for each word that it wrote."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from seqvision.errors import UserError


def alignment_figure(source: Sequence[str], target: Sequence[str], attention: np.ndarray, *, title: str = "") -> Figure:
    """The attention's weights as a matrix: a row for each word that was written, a column for each that was read; the
    darker, the more it was looked at (Bahdanau, Cho and Bengio, 2015, figure 3).

    attention (target words, source words), each row with a sum of at most 1.
    """
    weights = np.asarray(attention, float)
    if weights.shape != (len(target), len(source)):
        raise UserError(
            f"attention of shape {weights.shape} for {len(target)} words written and {len(source)} words read: "
            "expected a row a word written, a column a word read"
        )
    side = 0.34
    figure = Figure(figsize=(2.2 + side * max(4, len(source)), 1.8 + side * max(3, len(target))), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(weights, cmap="Greys", vmin=0.0, vmax=1.0, aspect="equal")
    axis.set_xticks(
        range(len(source)), [word.strip() for word in source], rotation=60, ha="left", rotation_mode="anchor"
    )
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(target)), [word.strip() for word in target])
    axis.tick_params(length=0)
    axis.set_xticks(np.arange(-0.5, len(source)), minor=True)
    axis.set_yticks(np.arange(-0.5, len(target)), minor=True)
    axis.grid(which="minor", color="0.92", linewidth=0.6)
    axis.tick_params(which="minor", length=0)
    for edge in axis.spines.values():
        edge.set_color("0.8")
    bar = figure.colorbar(image, ax=axis, shrink=0.8, pad=0.02)
    bar.set_label("weight")
    bar.outline.set_edgecolor("0.8")
    if title:
        axis.set_xlabel(title)
    return figure
