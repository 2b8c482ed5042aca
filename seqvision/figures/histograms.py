"""What the layers of networks put out, as small histograms side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from seqvision.figures.curves import COLOURS, GREY

Panel = tuple[str, np.ndarray]  # a title, and the values


def histograms_figure(rows: Mapping[str, Sequence[Panel]], *, bins: int = 41, shared: bool = False) -> Figure:
    """A row of histograms a name, each with its title; `shared`: all of a row over the same range.

    Nearly all of the values set a panel's range; what lies beyond is counted at its ends, and a panel whose values are
    all alike says so by a single bar.
    """
    columns = max(1, max((len(panels) for panels in rows.values()), default=1))
    figure = Figure(figsize=(1.5 * columns + 0.6, 1.55 * max(1, len(rows))), layout="constrained")
    axes = figure.subplots(max(1, len(rows)), columns, squeeze=False)
    for number, (line, (name, panels)) in enumerate(zip(axes, rows.items(), strict=False)):
        colour = COLOURS[number % len(COLOURS)] if name.strip() else COLOURS[1]
        everything = np.concatenate([values for _, values in panels]) if shared and panels else None
        for axis in line[len(panels) :]:
            axis.axis("off")
        for axis, (title, values) in zip(line, panels, strict=False):
            low, high = _range(values if everything is None else everything)
            axis.hist(values[np.isfinite(values)].clip(low, high), bins=bins, range=(low, high), color=colour)
            axis.set_title(title, fontsize=7, loc="left")
            axis.set_yticks([])
            axis.tick_params(labelsize=6.5, color=GREY, length=2)
            axis.locator_params(axis="x", nbins=3)
            axis.spines[["top", "right", "left"]].set_visible(False)
            axis.spines["bottom"].set_color(GREY)
        line[0].set_ylabel(name, fontsize=8)
    return figure


def wrapped(panels: Sequence[Panel], *, columns: int = 6) -> dict[str, list[Panel]]:
    """The panels in rows of so many, for a network with more layers than fit side by side."""
    rows = [list(panels[start : start + columns]) for start in range(0, len(panels), columns)]
    return {" " * number: row for number, row in enumerate(rows)}


def _range(values: np.ndarray) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return -0.5, 0.5
    low, high = (float(edge) for edge in np.quantile(values, [0.002, 0.998]))
    return (low, high) if high > low else (low - 0.5, high + 0.5)
