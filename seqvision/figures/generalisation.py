"""What was learnt beside what it is worth elsewhere: curves of training and test, scores with their spread."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqvision.figures.curves import GREY
from seqvision.figures.variants import colour, dress, together
from seqvision.sweeps import Sweep, Trial


def train_and_test_figure(
    sweep: Sweep,
    *,
    train: str = "train/loss",
    test: str = "val/loss",
    top: float | int | None = None,
    columns: int = 4,
) -> Figure:
    """A plot a variant: its curve in training dashed, that on held-out items drawn through, each the mean over the
    seeds in a band from the lowest to the highest; in grey the first variant's on held-out items, to compare with.

    top: where the plots end above, for losses that leave all bounds; as high as the curves unless given.
    """
    names = sweep.names
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.1 * columns, 2.8 * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flatten()
    for axis in axes[len(names) :]:
        axis.axis("off")
    for number, (axis, name) in enumerate(zip(axes, names, strict=False)):
        if number:
            _curve(axis, sweep.of(names[0]), test, sweep.x, shade="0.65", style="-", band=False)
        _curve(axis, sweep.of(name), train, sweep.x, shade=colour(number), style="--")
        _curve(axis, sweep.of(name), test, sweep.x, shade=colour(number), style="-")
        dress(axis, sweep, name)
    if top is not None:
        axes[0].set_ylim(0, top)
        learnt, held_out = sweep.values(train), sweep.values(test)
        for axis, name in zip(axes, names, strict=False):
            ends = [value for value in (*learnt[name], *held_out[name]) if np.isfinite(value)]
            if ends and min(ends) > top:
                said = f"ends at {np.mean(held_out[name]):.1f}"
                axis.text(0.5, 0.95, said, transform=axis.transAxes, ha="center", va="top", fontsize=9)
    for axis in axes[::columns]:
        axis.set_ylabel(test.partition("/")[2], fontsize=9)
    lines = [axes[0].plot([], [], color="0.3", ls=style)[0] for style in ("--", "-")]
    figure.legend(lines, [train, test], loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return titled(figure, sweep)


def bars_figure(
    sweep: Sweep,
    *,
    score: str | None = None,
    best: bool = False,
    low: float | int | None = None,
    seconds: bool = False,
) -> Figure:
    """A bar a variant, the mean over its seeds, and a dot a seed. Variants whose names are the same up to the last ", "
    stand together: "batch norm, 2 a batch" and "batch norm, 64 a batch" are two bars at "batch norm".

    score: a curve, the monitored one unless given. best: its best epoch and not its last. low: where the bars begin.
    seconds: below a variant stands how long its training took.
    """
    score = score or sweep.monitor
    values = {
        name: [trial.score for trial in sweep.of(name) if trial.score is not None] if best else found
        for name, found in sweep.values(score).items()
    }
    parts = {name: parted(name) for name in sweep.names}
    places, kinds = (list(dict.fromkeys(part[index] for part in parts.values())) for index in (0, 1))
    width = 0.8 / len(kinds)
    figure = Figure(figsize=(1.6 + (0.75 + 0.25 * len(kinds)) * len(places), 3.9), layout="constrained")
    axis = figure.subplots()
    for name, (place, kind) in parts.items():
        known = np.array([value for value in values[name] if np.isfinite(value)])
        x = places.index(place) + (kinds.index(kind) - (len(kinds) - 1) / 2) * width
        shade = colour(kinds.index(kind) if len(kinds) > 1 else places.index(place))
        if len(known):
            bottom = 0.0 if low is None else low
            axis.bar(x, known.mean() - bottom, 0.9 * width, bottom, color=shade, alpha=0.45, label=kind)
            axis.plot(np.full(len(known), x), known, color=shade, marker="o", ms=4.5, lw=0)
        lost = len(values[name]) - len(known)
        if lost:
            axis.text(x, axis.get_ylim()[0], f"{lost} diverged", rotation=90, ha="center", va="bottom", fontsize=8)
    dress(axis, sweep, f"{score}, of the best epoch" if best else score)
    axis.set_xlabel("")
    said = {place: place.replace(" ", "\n", 1) for place in places}
    if seconds:
        for place in places:
            took = [trial.seconds for trial in sweep.trials if parts[trial.name][0] == place]
            said[place] += f"\n{np.mean(took):.0f} s"
    axis.set_xticks(range(len(places)), said.values(), fontsize=9)
    axis.grid(axis="x", visible=False)
    if len(kinds) > 1:
        handles, labels = axis.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        figure.legend(
            unique.values(), unique.keys(), loc="outside lower center", ncols=len(kinds), frameon=False, fontsize=9
        )
    return titled(figure, sweep)


def response_figure(sweep: Sweep, *, xlabel: str, score: str | None = None, logarithmic: bool = True) -> Figure:
    """The last value of a score against a number, a line for each kind of variant: "batch norm, 0.1" is the place 0.1
    of the line "batch norm". A line is the mean over the seeds, in a band from the lowest to the highest; a cross at
    the edge is where trainings diverged.
    """
    score = score or sweep.monitor
    lines: dict[str, dict[float, list[float]]] = {}
    for name, found in sweep.values(score).items():
        kind, number = parted(name)
        lines.setdefault(kind, {})[float(number)] = found
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axis = figure.subplots()
    worst = 0.0 if sweep.mode == "max" else 1.0
    crossed = False
    for index, (kind, points) in enumerate(lines.items()):
        kept = {x: [value for value in found if np.isfinite(value)] for x, found in points.items()}
        x = [place for place, found in kept.items() if found]
        mean, low, high = (np.array([of(kept[place]) for place in x]) for of in (np.mean, np.min, np.max))
        axis.plot(x, mean, color=colour(index), marker="o", ms=4, lw=1.8, label=kind)
        axis.fill_between(x, low, high, color=colour(index), alpha=0.15, lw=0)
        lost = [place for place, found in points.items() if len(kept[place]) < len(found)]
        across = axis.get_xaxis_transform()  # y from 0 to 1, whatever the scores are
        edge = [abs(worst - 0.02 - 0.03 * index)] * len(lost)
        label = "diverged" if lost and not crossed else None
        axis.plot(lost, edge, color=colour(index), marker="x", ms=8, mew=2, lw=0, transform=across, label=label)
        crossed = crossed or bool(lost)
    dress(axis, sweep, score)
    axis.set_xlabel(xlabel, fontsize=9)
    if logarithmic:
        axis.set_xscale("log")
    axis.legend(frameon=False, fontsize=9)
    return titled(figure, sweep)


def parted(name: str) -> tuple[str, str]:
    """What stands before and behind the last ", " of a variant's name."""
    head, comma, tail = name.rpartition(", ")
    return (head, tail) if comma else (name, "")


def titled(figure: Figure, sweep: Sweep) -> Figure:
    """The figure with the sweep's title."""
    if sweep.title:
        figure.suptitle(sweep.title, fontsize=12, x=0.01, ha="left")
    return figure


def _curve(
    axis: Axes, trials: Sequence[Trial], score: str, x: str, *, shade: str, style: str, band: bool = True
) -> None:
    curves = [[point for point in trial.curve(score, x=x) if np.isfinite(point[1])] for trial in trials]
    places, values = together([smoothed(curve) for curve in curves if curve])
    axis.plot(places, values.mean(axis=0), color=shade, ls=style, lw=1.7)
    if band and len(values) > 1:
        axis.fill_between(places, values.min(axis=0), values.max(axis=0), color=shade, alpha=0.15, lw=0)
    for trial, curve in zip(trials, curves, strict=True):
        if trial.state == "diverged" and curve:
            axis.axvline(curve[-1][0], color=GREY, lw=0.8, ls=":")


def smoothed(points: Sequence[tuple[float, float]], parts: int = 30) -> list[tuple[float, float]]:
    """Many points as the means of so many parts; few as they are."""
    if len(points) <= 2 * parts:
        return list(points)
    split = np.array_split(np.asarray(points), parts)
    return [(float(part[:, 0].mean()), float(part[:, 1].mean())) for part in split]
