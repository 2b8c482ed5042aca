"""Whether probabilities mean what they say."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from seqvision.figures.curves import COLOURS, GREY
from seqvision.metrics import Reliability


def reliability_figure(found: Reliability, *, title: str = "") -> Figure:
    """Accuracy by confidence with the diagonal of perfect calibration, and below it how many predictions each bin has.

    What a bin is more confident than right is hatched on top of its bar; what it is more right than confident, inside.
    The title names the expected calibration error.
    """
    filled = found.count > 0
    left, width = found.edges[:-1][filled], np.diff(found.edges)[filled]
    sure, right, number = found.confidence[filled], found.accuracy[filled], found.count[filled]
    figure = Figure(figsize=(4.3, 4.9), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
    upper.bar(left, right, width, align="edge", color="#a9c5e1", edgecolor="white", lw=0.8, label="accuracy")
    bottom, height = np.minimum(sure, right), np.abs(sure - right)
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": COLOURS[0], "hatch": "////", "linewidth": 0.6}
    upper.bar(left, height, width, bottom, align="edge", label="gap to the confidence", **look)
    upper.plot([0, 1], [0, 1], color=GREY, lw=1.2, ls="--")
    upper.set_ylim(0, 1.02)
    upper.set_xlim(0, 1)
    upper.set_ylabel("accuracy", fontsize=9)
    upper.set_title(f"{title + ': ' if title else ''}calibration error {found.error:.1f} %", fontsize=11, loc="left")
    upper.legend(fontsize=9, frameon=False, loc="upper left")
    lower.bar(left, 100 * number / number.sum(), width, align="edge", color="#9a9a97", edgecolor="white", lw=0.8)
    lower.set_xlabel("confidence", fontsize=9)
    lower.set_ylabel("% of items", fontsize=9)
    for axis in (upper, lower):
        axis.tick_params(labelsize=9, color=GREY)
        axis.grid(alpha=0.25, color=GREY, lw=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(GREY)
    return figure
