"""How a training went, from its logged numbers."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Curve = Sequence[tuple[float, float]]


def curves_figure(panels: Mapping[str, Mapping[str, Curve]], *, columns: int = 3, xlabel: str = "step") -> Figure:
    """One small plot a panel, each with its named curves of (x, y) points.

    Many points are drawn thin with their running mean over them; few are drawn with marks.
    """
    columns = min(columns, max(1, len(panels)))
    rows = max(1, -(-len(panels) // columns))
    figure = Figure(figsize=(4.3 * columns, 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(panels) :]:
        axis.axis("off")
    for axis, (title, curves) in zip(axes, panels.items(), strict=False):
        for number, (name, points) in enumerate(curves.items()):
            colour = COLOURS[number % len(COLOURS)]
            x, y = [point[0] for point in points], [point[1] for point in points]
            many = len(points) > 60
            if many:
                axis.plot(x, y, color=colour, lw=0.7, alpha=0.35)
                axis.plot(x, running_mean(y, len(y) // 20), color=colour, lw=1.8, label=name)
            else:
                axis.plot(x, y, color=colour, lw=1.8, marker="o", ms=3.5, label=name)
        axis.set_title(title, fontsize=11, loc="left")
        axis.set_xlabel(xlabel, fontsize=9)
        axis.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, steps=[1, 2, 5, 10]))
        axis.tick_params(labelsize=9, color=GREY)
        axis.grid(alpha=0.25, color=GREY, lw=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(GREY)
        if len(curves) > 1:
            axis.legend(fontsize=9, frameon=False)
    return figure


COLOURS = ("#c2620f", "#3b78b5", "#5a9e4b", "#9a62b0", "#8c8c8c")
GREY = "#8a8a88"


def running_mean(values: Sequence[float], width: int) -> list[float]:
    """The mean of each value and up to `width` before it."""
    means, total = [], 0.0
    for place, value in enumerate(values):
        total += value - (values[place - width - 1] if place > width else 0.0)
        means.append(total / min(place + 1, width + 1))
    return means
