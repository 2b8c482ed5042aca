"""Variants of a training beside each other."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqvision.figures.curves import COLOURS, GREY, running_mean
from seqvision.sweeps import Sweep, Trial

Curve = Sequence[tuple[float, float]]


def variants_figure(sweep: Sweep, *, smooth: int = 20, columns: int = 2) -> Figure:
    """One plot for each curve that the sweep shows, in it a line a variant: the mean over its seeds, and between the
    lowest and the highest of them a band. A cross is where one diverged.

    smooth: a curve of many points is drawn as a running mean over a part in so many of it.
    """
    shown = list(sweep.shown)
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.6 * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(shown) :]:
        axis.axis("off")
    for axis, score in zip(axes, shown, strict=False):
        for number, name in enumerate(sweep.names):
            _variant(axis, sweep.of(name), score, x=sweep.x, colour=colour(number), smooth=smooth)
        dress(axis, sweep, score)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=legend_columns(labels, 5.2 * columns),
        frameon=False,
        fontsize=9,
    )
    if sweep.title:
        figure.suptitle(sweep.title, fontsize=12, x=0.01, ha="left")
    return figure


def colour(number: int) -> str:
    """The colour of a variant by its place."""
    return (*COLOURS, "#c23b5a", "#2a9d8f", "#7a5c3e", "#5b5bd6", "#b5a500")[number % (len(COLOURS) + 5)]


def legend_columns(labels: Sequence[str], inches: float) -> int:
    """How many entries of a legend, four at most, have room beside each other in so many inches."""
    longest = max(len(label) for label in labels)
    return min(4, len(labels), max(1, int(inches / (0.7 + 0.075 * longest))))


def dress(axis: Axes, sweep: Sweep, score: str) -> None:
    """Names, scales and a quiet frame."""
    axis.set_title("learning rate" if score.startswith("lr-") else score, fontsize=11, loc="left")
    axis.set_xlabel({"step": "step", "epoch": "epoch", "seconds": "seconds of training"}[sweep.x], fontsize=9)
    if "x" in sweep.log:
        axis.set_xscale("log")
    if "y" in sweep.log:
        axis.set_yscale("log")
    axis.tick_params(labelsize=9, color=GREY)
    axis.grid(alpha=0.25, color=GREY, lw=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)


def _variant(axis: Axes, trials: Sequence[Trial], score: str, *, x: str, colour: str, smooth: int) -> None:
    curves = [_smoothed(trial.curve(score, x=x), smooth) for trial in trials]
    places, values = together([curve for curve in curves if curve])
    few = 0 < len(places) <= 60
    name = trials[0].name + (" (diverged)" if any(trial.state == "diverged" for trial in trials) else "")
    axis.plot(places, values.mean(0), color=colour, lw=1.8, marker="o" if few else None, ms=3.5, label=name)
    if len(values) > 1:
        axis.fill_between(places, values.min(0), values.max(0), color=colour, alpha=0.15, lw=0)
    for trial, curve in zip(trials, curves, strict=True):
        if trial.state == "diverged" and curve:
            axis.plot(*curve[-1], color=colour, marker="x", ms=9, mew=2)


def together(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """The places that all curves reach, and each curve's values there (curves, places), straight between its points."""
    if not curves:
        return np.zeros(0), np.zeros((1, 0))
    arrays = [np.asarray(curve, dtype=float) for curve in curves]
    first, last = max(each[0, 0] for each in arrays), min(each[-1, 0] for each in arrays)
    places = np.unique(np.concatenate([each[:, 0] for each in arrays]))
    places = places[(places >= first) & (places <= last)]
    return places, np.stack([np.interp(places, each[:, 0], each[:, 1]) for each in arrays])


def _smoothed(points: Curve, smooth: int) -> list[tuple[float, float]]:
    """The finite points; a running mean of them, where they are many."""
    finite = [point for point in points if np.isfinite(point[1])]
    if len(finite) <= 60:
        return finite
    means = running_mean([value for _, value in finite], len(finite) // smooth)
    return [(place, mean) for (place, _), mean in zip(finite, means, strict=True)]
