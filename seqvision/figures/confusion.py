"""What is taken for what."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure

from seqvision.errors import UserError
from seqvision.figures.curves import COLOURS, GREY

SHADES = LinearSegmentedColormap.from_list("shares", ["#ffffff", "#bcd3ea", COLOURS[1], "#12324f"])
ABSENT = "#efefec"
MOST_NUMBERS = 20  # classes up to which a number fits into each cell


def confusion_figure(confusion: np.ndarray, classes: Sequence[str], *, title: str = "") -> Figure:
    """A square of true classes (rows, with their number of items) by predicted ones, in percent of each row.

    The diagonal is recall. Up to twenty classes the numbers stand in the cells, with more the shades alone. The row of
    a class that does not occur is grey. Raises `UserError` where the table is not one row and column a class.
    """
    table = np.asarray(confusion, float)
    size = len(classes)
    if table.shape != (size, size):
        raise UserError(f"A confusion matrix of shape {table.shape} for {size} classes; expected ({size}, {size}).")
    support = table.sum(axis=1)
    share = 100 * table / np.where(support > 0, support, np.nan)[:, None]
    cell = 0.5 if size <= MOST_NUMBERS else 0.165
    font = 9.0 if size <= MOST_NUMBERS else 7.0
    longest = max(len(name) for name in classes)
    side = max(2.2, cell * size)
    figure = Figure(figsize=(side + 2.3 + 0.075 * longest, side + 0.9 + 0.06 * longest), layout="constrained")
    axis = figure.add_subplot()
    image = axis.imshow(
        np.ma.masked_invalid(share), cmap=SHADES.with_extremes(bad=ABSENT), norm=PowerNorm(0.5, 0, 100)
    )  # rare confusions must be seen, too
    upright = size <= 6 and longest <= 9
    axis.set_xticks(range(size), list(classes), rotation=0 if upright else 90, fontsize=font)
    axis.set_yticks(
        range(size), [f"{name}  ({int(n):,})" for name, n in zip(classes, support, strict=True)], fontsize=font
    )
    axis.tick_params(length=0)
    axis.set_xticks(np.arange(-0.5, size), minor=True)
    axis.set_yticks(np.arange(-0.5, size), minor=True)
    axis.grid(which="minor", color="#e4e4e1", lw=0.5 if size <= MOST_NUMBERS else 0.25)
    axis.tick_params(which="minor", length=0)
    axis.spines[:].set_color("#e4e4e1")
    axis.set_xlabel("predicted", fontsize=10)
    axis.set_ylabel("true (items)", fontsize=10)
    axis.set_title(title, fontsize=11, loc="left")
    if size <= MOST_NUMBERS:
        for row, column in zip(*np.nonzero(table), strict=True):
            value = share[row, column]
            text = f"{value:.0f}" if value >= 1 else "<1"
            axis.text(
                column, row, text, ha="center", va="center", fontsize=9, color="white" if value > 35 else "#26323d"
            )
    bar = figure.colorbar(image, ax=axis, shrink=min(1.0, 3.0 / side), aspect=18, pad=0.02)
    bar.set_label("percent of the true class", fontsize=9)
    bar.set_ticks([0, 1, 5, 10, 25, 50, 100])
    bar.ax.tick_params(labelsize=8, color=GREY)
    bar.outline.set_visible(False)
    return figure
