"""Searches of the same space beside each other: where each looked, and how soon it finds."""

import numpy as np
from matplotlib.figure import Figure

from seqvision.figures.curves import GREY
from seqvision.figures.generalisation import titled
from seqvision.figures.search import dress, expected_best, found_figure_axis
from seqvision.sweeps import Space, Sweep


def beside_figure(sweep: Sweep) -> Figure:
    """A map a search, of the first two hyper-parameters, each trial the larger and darker the better, a cross where it
    diverged, with its value of the first marked below: how many different ones it tried. Then the best score that so
    many trials find.
    """
    space = Space(_read(sweep.space))
    kinds = kinds_of(sweep)
    figure = Figure(figsize=(4.2 * (len(kinds) + 1), 3.9), layout="constrained")
    axes = figure.subplots(1, len(kinds) + 1)
    scores = [score for found in kinds.values() for _, score in found if score is not None]
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    first, second = list(space.axes)[:2]
    for axis, (kind, found) in zip(axes, kinds.items(), strict=False):
        known = [(values, score) for values, score in found if score is not None]
        x, y = ([_number(values[key]) for values, _ in known] for key in (first, second))
        shares = np.array([(score - low) / ((high - low) or 1.0) for _, score in known])
        shares = shares if sweep.mode == "max" else 1 - shares
        dress(axis, space, first)
        axis.scatter(x, y, s=20 + 160 * shares, c=shares, cmap="YlGnBu", vmin=-0.3, vmax=1, edgecolors="0.3", lw=0.6)
        lost = [[_number(values[key]) for values, score in found if score is None] for key in (first, second)]
        axis.plot(*lost, marker="x", color=GREY, ms=7, mew=1.6, lw=0)
        across = axis.get_xaxis_transform()  # the height from 0 to 1
        tried = [*x, *lost[0]]
        axis.plot(tried, [0.02] * len(tried), marker="|", ms=12, mew=1.8, color="0.2", lw=0, transform=across)
        different = len({f"{value:.4g}" for value in tried})
        axis.set_title(f"{kind}: {different} values of {first}", fontsize=11, loc="left")
        axis.set_ylabel(second, fontsize=9)
        if getattr(space.axes[second], "scale", "") == "log":
            axis.set_yscale("log")
    curves = {kind: expected_best(found, sweep.mode) for kind, found in kinds.items()}
    found_figure_axis(axes[-1], curves, sweep.monitor)
    axes[-1].set_title("best of so many trials", fontsize=11, loc="left")
    return titled(figure, sweep)


def kinds_of(sweep: Sweep) -> dict[str, list[tuple[dict[str, object], float | None]]]:
    """Values and score of each trial by the search that proposed it."""
    kinds: dict[str, list[tuple[dict[str, object], float | None]]] = {}
    for name in sweep.names:
        values = dict(sweep.of(name)[0].values)
        kinds.setdefault(name.rpartition(" ")[0], []).append((values, sweep.score_of(name)))
    return kinds


def _read(described: object) -> dict[str, object]:
    """A described space as `Space` reads it."""
    assert isinstance(described, dict)
    return {key: entry.get("choices", entry) for key, entry in described.items()}


def _number(value: object) -> float:
    return float(str(value))
