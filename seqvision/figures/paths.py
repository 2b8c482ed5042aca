"""Walks down a surface: the paths of several optimisers on its contours."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from torch import Tensor

from seqvision.figures.curves import GREY
from seqvision.figures.variants import colour, dress
from seqvision.sweeps import Sweep, Trial

Surface = Callable[[Tensor], Tensor]
FLOOR = 1e-10  # heights below are drawn as this


def paths_figure(
    sweep: Sweep,
    *,
    surface: Surface,
    window: Sequence[int | float] | None = None,
    marks: int = 12,
    beside: Literal["height", "length"] = "height",
) -> Figure:
    """Each variant's path on the surface's contours, and beside it step by step how high above the lowest point it is,
    or how long the steps are.

    surface: from points (…, 2) to heights (…), with its `minima`. window: left, right, bottom and top of the map; what
    the paths reach, unless given. marks: dots at the first so many places.
    """
    figure = Figure(figsize=(11.5, 4.7), layout="constrained")
    map_axis, side_axis = figure.subplots(1, 2, width_ratios=(1.25, 1))
    trials = [sweep.of(name)[0] for name in sweep.names]
    places = [path_of(trial) for trial in trials]
    draw_contours(map_axis, surface, window or _reach(places, surface))
    lowest = float(surface(torch.tensor(surface.minima)).min())  # type: ignore[attr-defined]
    for number, (trial, path) in enumerate(zip(trials, places, strict=True)):
        shade = colour(number)
        map_axis.plot(*path.T, color=shade, lw=1.4, label=trial.name)
        map_axis.plot(*path[:marks].T, color=shade, lw=0, marker="o", ms=3.2)
        if beside == "height":
            side_axis.plot(np.maximum(surface(torch.tensor(path)).numpy() - lowest, FLOOR), color=shade, lw=1.6)
        else:
            side_axis.plot(range(1, len(path)), np.linalg.norm(np.diff(path, axis=0), axis=1), color=shade, lw=1.6)
    map_axis.plot(*places[0][0], marker="s", color="black", ms=6, lw=0)
    for minimum in surface.minima:  # type: ignore[attr-defined]
        map_axis.plot(*minimum, marker="*", color="black", ms=11, lw=0)
    dress(side_axis, sweep, {"height": "height above the lowest point", "length": "length of the step"}[beside])
    side_axis.set_yscale("log" if beside == "height" else "linear")
    handles, labels = map_axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False, fontsize=9)
    if sweep.title:
        figure.suptitle(sweep.title, fontsize=12, x=0.01, ha="left")
    return figure


def path_figure(path: np.ndarray, surface: Surface) -> Figure:
    """One path (steps, 2) on the surface's contours, from the square to the round mark; stars are the minima."""
    figure = Figure(figsize=(5.6, 4.7), layout="constrained")
    axis = figure.subplots()
    draw_contours(axis, surface, _reach([path], surface))
    axis.plot(*path.T, color=colour(0), lw=1.4, marker="o", ms=2.4)
    axis.plot(*path[0], marker="s", color="black", ms=6, lw=0)
    axis.plot(*path[-1], marker="o", color=colour(0), ms=7, lw=0)
    for minimum in surface.minima:  # type: ignore[attr-defined]
        axis.plot(*minimum, marker="*", color="black", ms=11, lw=0)
    return figure


def path_of(trial: Trial) -> np.ndarray:
    """The places (steps + 1, 2) where the point was before every step and at the end."""
    rows = [[value for _, value in trial.curve(f"train/{axis}")] for axis in "xy"]
    last = [[value for _, value in trial.curve(f"val/{axis}")[-1:]] for axis in "xy"]
    path = np.array([row + end for row, end in zip(rows, last, strict=True)], dtype=np.float64).T
    return path[np.isfinite(path).all(axis=1)]


def draw_contours(axis: Axes, surface: Surface, window: Sequence[int | float]) -> None:
    """Lines of equal height, closer together the lower they are."""
    left, right, bottom, top = window
    x, y = np.meshgrid(np.linspace(left, right, 300), np.linspace(bottom, top, 300))
    heights = surface(torch.tensor(np.stack([x, y], axis=-1))).numpy()
    above = heights - float(surface(torch.tensor(surface.minima)).min()) + 1e-3  # type: ignore[attr-defined]
    levels = np.geomspace(max(1e-2, above.min()), above.max(), 16)
    axis.contour(x, y, above, levels=levels, norm=LogNorm(), cmap="Greys_r", linewidths=0.7, alpha=0.7)
    axis.set_xlim(left, right)
    axis.set_ylim(bottom, top)
    axis.tick_params(labelsize=9, color=GREY)
    axis.spines[:].set_color(GREY)
    axis.set_xlabel("first weight", fontsize=9)
    axis.set_ylabel("second weight", fontsize=9)


def _reach(places: Sequence[np.ndarray], surface: Surface) -> list[float]:
    """What the paths and the minima take up, and a margin."""
    points = np.concatenate([*places, np.array(surface.minima)])  # type: ignore[attr-defined]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.08 * np.maximum(high - low, 1e-3)
    return [float(edge) for edge in np.stack([low - margin, high + margin], axis=1).flatten()]
