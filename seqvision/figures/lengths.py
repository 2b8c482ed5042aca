"""How long things are: two or three sets of lengths beside one another."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from seqvision.figures.curves import COLOURS, GREY


def lengths_figure(lengths: Mapping[str, np.ndarray], *, xlabel: str, bins: int = 16, title: str = "") -> Figure:
    """Histograms over common bins on a logarithmic axis, for lengths differ by factors: a line each, by name."""
    longest = max((int(values.max()) for values in lengths.values() if len(values)), default=1)
    edges = np.unique(np.geomspace(1, longest + 1, bins + 1).round())  # whole numbers: no bin between 1 and 2
    figure = Figure(figsize=(6.6, 2.7), layout="constrained")
    axis = figure.add_subplot()
    for (name, values), colour in zip(lengths.items(), (COLOURS[1], *COLOURS[:1], *COLOURS[2:]), strict=False):
        counts, _ = np.histogram(values, edges)
        axis.stairs(counts, edges, color=colour, lw=1.8, label=f"{name} ({len(values):,})", fill=False)
        axis.stairs(counts, edges, color=colour, alpha=0.12, fill=True)
    axis.set_xscale("log")
    axis.set_xlim(edges[0], edges[-1])
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.set_xlabel(xlabel, fontsize=9)
    axis.set_ylabel("number", fontsize=9)
    axis.set_title(title, fontsize=11, loc="left")
    axis.tick_params(labelsize=9, color=GREY)
    axis.grid(alpha=0.25, color=GREY, lw=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
    axis.legend(fontsize=9, frameon=False)
    return figure
