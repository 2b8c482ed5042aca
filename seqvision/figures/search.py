"""A search of hyper-parameters: values beside scores, all values of a trial on one line, and how soon it finds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from seqvision.figures.curves import COLOURS, GREY
from seqvision.sweeps import Choice, Space, Sweep

Scores = Sequence[tuple[Mapping[str, Any], float | None]]


def search_figure(sweep: Sweep, *, columns: int = 3) -> Figure:
    """The score of every trial against each hyper-parameter, on the scale that was searched; the best is ringed, those
    without a score stand on the edge as crosses. Last, the best score so far over the number of trials.
    """
    space, scored = Space(sweep.space), _scored(sweep)
    plots = len(space.axes) + 1
    columns = min(columns, plots)
    rows = -(-plots // columns)
    figure = Figure(figsize=(4.1 * columns, 3.1 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[plots:]:
        axis.axis("off")
    known = [score for _, score in scored if score is not None]
    floor = (min if sweep.mode == "max" else max)(known, default=0.0)
    colours = _colours([score for _, score in scored], sweep.mode)
    best = (max if sweep.mode == "max" else min)(known, default=None)
    for axis, key in zip(axes, space.axes, strict=False):
        dress(axis, space, key)
        for number, (values, score) in enumerate(scored):
            x = _place(space, key, values[key])
            if score is None:
                axis.plot(x, floor, color=GREY, marker="x", ms=6)
                continue
            axis.plot(x, score, color=colours[number], marker="o", ms=6, ls="")
            if score == best:
                axis.plot(x, score, color=COLOURS[0], marker="o", ms=12, mfc="none", mew=1.6, ls="")
        axis.set_ylabel(sweep.monitor, fontsize=9)
    found_figure_axis(axes[plots - 1], {sweep.kind: found_in_order(scored, sweep.mode)}, sweep.monitor)
    axes[plots - 1].set_title("best so far", fontsize=11, loc="left")
    return figure


def parallel_figure(sweep: Sweep) -> Figure:
    """A line a trial through its values, each on its own scale, to its score: dark for good ones."""
    space, scored = Space(sweep.space), _scored(sweep)
    keys = list(space.axes)
    known = [score for _, score in scored if score is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    colours = _colours([score for _, score in scored], sweep.mode)
    figure = Figure(figsize=(max(6.0, 2.2 * (len(keys) + 1)), 4.0), layout="constrained")
    axis = figure.subplots()
    order = sorted(range(len(scored)), key=lambda number: _rank(scored[number][1], sweep.mode))
    for number in order:
        values, score = scored[number]
        end = 0.5 if score is None or high == low else (score - low) / (high - low)
        heights = [*space.shares(values), end]
        reached = len(heights) - (score is None)  # one without a score ends before it
        style = ":" if score is None else "-"
        axis.plot(range(reached), heights[:reached], color=colours[number], ls=style, lw=1.5)
    clear = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
    for place, key in enumerate(keys):
        axis.axvline(place, color=GREY, lw=0.8)
        for share, text in _marks(space, key):
            axis.text(place - 0.03, share, text, fontsize=8, ha="right", va="center", bbox=clear)
    axis.axvline(len(keys), color=GREY, lw=0.8)
    for share, value in ((0.0, low), (0.5, (low + high) / 2), (1.0, high)):
        axis.text(len(keys) + 0.03, share, f"{value:.4g}", fontsize=8, va="center")
    axis.set_xticks(range(len(keys) + 1), [*keys, sweep.monitor], fontsize=9)
    axis.set_yticks([])
    axis.set_xlim(-0.35, len(keys) + 0.35)
    axis.spines[["top", "right", "left", "bottom"]].set_visible(False)
    return figure


def found_figure(sweeps: Mapping[str, Sweep]) -> Figure:
    """The best score that so many trials of a search are expected to find, tried in any order: one line a search."""
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axis = figure.subplots()
    first = next(iter(sweeps.values()))
    curves = {name: expected_best(_scored(sweep), sweep.mode) for name, sweep in sweeps.items()}
    found_figure_axis(axis, curves, first.monitor)
    return figure


def found_figure_axis(axis: Axes, curves: Mapping[str, Sequence[float]], score: str) -> None:
    """Lines over the number of trials."""
    for number, (name, values) in enumerate(curves.items()):
        places = range(1, len(values) + 1)
        axis.plot(places, values, color=COLOURS[number % len(COLOURS)], lw=1.8, marker="o", ms=3, label=name)
    axis.set_xlabel("trials", fontsize=9)
    axis.set_ylabel(score, fontsize=9)
    _quiet(axis)
    if len(curves) > 1:
        axis.legend(fontsize=9, frameon=False)


def found_in_order(scored: Scores, mode: str) -> list[float]:
    """The best score after each trial; nan before the first that has one."""
    values = [math.nan if score is None else score for _, score in scored]
    return (np.fmax if mode == "max" else np.fmin).accumulate(values).tolist() if values else []


def expected_best(scored: Scores, mode: str) -> list[float]:
    """The mean, over all orders of the trials, of the best score after one trial, after two, …: the order in which a
    grid is walked is no merit of it. A trial without a score counts as the worst that there is.
    """
    known = [score for _, score in scored if score is not None]
    if not known:
        return []
    worst = min(known) if mode == "max" else max(known)
    ranked = sorted([worst if score is None else score for _, score in scored], reverse=mode == "max")
    number = len(ranked)
    found = []
    for drawn in range(1, number + 1):
        # the place-th best is the best of those drawn, if all the others are drawn from behind it
        ways = [math.comb(number - place - 1, drawn - 1) / math.comb(number, drawn) for place in range(number)]
        found.append(sum(way * score for way, score in zip(ways, ranked, strict=True)))
    return found


def dress(axis: Axes, space: Space, key: str) -> None:
    """The scale and the name of a hyper-parameter."""
    searched = space.axes[key]
    axis.set_title(key, fontsize=11, loc="left")
    if isinstance(searched, Choice):
        axis.set_xticks(range(len(searched.values)), [str(each) for each in searched.values])
        axis.set_xlim(-0.5, len(searched.values) - 0.5)
    elif searched.scale == "log":
        axis.set_xscale("log")
        if searched.high < 100 * searched.low:  # powers of ten alone would be too few numbers
            axis.xaxis.set_major_locator(FixedLocator([searched.at(share) for share in (0.0, 1 / 3, 2 / 3, 1.0)]))
            axis.xaxis.set_major_formatter(lambda number, _: f"{number:.3g}")
            axis.xaxis.set_minor_locator(NullLocator())
        room = (searched.high / searched.low) ** 0.04
        axis.set_xlim(searched.low / room, searched.high * room)
    else:
        room = 0.04 * (searched.high - searched.low)
        axis.set_xlim(searched.low - room, searched.high + room)
    _quiet(axis)


def _quiet(axis: Axes) -> None:
    axis.tick_params(labelsize=9, color=GREY)
    axis.grid(alpha=0.25, color=GREY, lw=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)


def _place(space: Space, key: str, value: Any) -> float:
    """Where a value stands on its axis: a choice at its number."""
    searched = space.axes[key]
    return float(searched.values.index(value) if isinstance(searched, Choice) else value)


def _marks(space: Space, key: str) -> list[tuple[float, str]]:
    """Places of an axis that get a number, or a name."""
    searched = space.axes[key]
    if isinstance(searched, Choice):
        return [(searched.share(each), str(each)) for each in searched.values]
    return [(share, f"{searched.at(share):.3g}") for share in (0.0, 0.5, 1.0)]


def _scored(sweep: Sweep) -> list[tuple[Mapping[str, Any], float | None]]:
    """Values and score of each proposal."""
    return [(sweep.of(name)[0].values, sweep.score_of(name)) for name in sweep.names]


def _rank(score: float | None, mode: str) -> float:
    """For drawing the best last."""
    return -math.inf if score is None else score if mode == "max" else -score


def _colours(scores: Sequence[float | None], mode: str) -> list[tuple[float, ...] | str]:
    """Dark for the best; grey for none. By rank, so that one bad trial does not make all others alike."""
    ranks = sorted({_rank(score, mode) for score in scores if score is not None})
    shades = mpl.colormaps["viridis_r"]
    return [
        GREY if score is None else shades(ranks.index(_rank(score, mode)) / max(1, len(ranks) - 1)) for score in scores
    ]
