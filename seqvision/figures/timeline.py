"""What happens when: labels of frames over time, truth and predictions under one another."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from seqvision.errors import UserError
from seqvision.figures.curves import COLOURS, GREY

UNLABELLED: dict[str, Any] = {"facecolor": "white", "edgecolor": "#b9b9b7", "hatch": "////", "linewidth": 0.0}
BACKGROUND_COLOUR = "#dededb"
MOST_LABELS = 8  # of several a frame, that a timeline shows
FEW = (*COLOURS[:-1], "#e3b505")  # the last of the others is grey, as the background is


def timeline_figure(
    rows: Mapping[str, np.ndarray],
    classes: Sequence[str],
    *,
    frames_per_second: float | None = None,
    confidence: np.ndarray | None = None,
    title: str = "",
    background: str = "background",
) -> Figure:
    """One bar a row, its labels as colours; the same colour is the same class in every row and every figure.

    rows: labels (time,) by name, e.g. truth and prediction, -1 where nobody said (hatched). All of one length.
    frames_per_second: seconds on the axis; None: frames. confidence (time,): from 0 to 1, drawn as a strip below.
    The legend names the classes that occur, in the order of `classes`. Raises `UserError` where lengths differ.
    """
    lengths = {name: len(labels) for name, labels in rows.items()}
    if confidence is not None:
        lengths["confidence"] = len(confidence)
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{name}: {length}" for name, length in lengths.items()) or "no rows"
        raise UserError(f"The rows of a timeline have lengths {found}; give at least one, and all for the same frames.")
    second = frames_per_second or 1.0
    frames = next(iter(lengths.values()))
    occurring = sorted({int(label) for labels in rows.values() for label in np.unique(labels) if label >= 0})
    colours = class_colours(classes, background=background)
    patches = [Patch(facecolor=colours[place], label=classes[place]) for place in occurring]
    if any((np.asarray(labels) < 0).any() for labels in rows.values()):
        patches.append(Patch(label="not labelled", **UNLABELLED))
    columns, legend_rows = _legend_shape([str(patch.get_label()) for patch in patches])
    strip = 0.8 if confidence is not None else 0.0
    figure = Figure(figsize=(10, 0.9 + 0.45 * len(rows) + strip + 0.19 * legend_rows), layout="constrained")
    heights = [0.45 * len(rows)] + ([strip] if strip else [])
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for place, labels in enumerate(rows.values()):
        _draw_row(panels[0], np.asarray(labels), -place, colours, second)
    panels[0].set_yticks([-place for place in range(len(rows))], list(rows))
    panels[0].tick_params(axis="y", length=0, labelsize=10)
    panels[0].set_ylim(-len(rows) + 0.55, 0.45)
    panels[0].set_title(title, fontsize=11, loc="left")
    panels[0].spines[["top", "right", "left", "bottom"]].set_visible(False)
    if confidence is not None:
        _draw_confidence(panels[1], np.asarray(confidence, float), second)
        panels[0].tick_params(axis="x", length=0)
    panels[-1].set_xlim(0, frames / second)
    panels[-1].tick_params(axis="x", labelsize=9, color=GREY)
    _time_axis(panels[-1], frames / second, in_seconds=frames_per_second is not None)
    figure.legend(
        handles=patches,
        loc="outside lower left",
        ncols=columns,
        fontsize=8.5,
        frameon=False,
        handlelength=1.1,
        handleheight=1.0,
        columnspacing=1.4,
        labelspacing=0.35,
    )
    return figure


def multilabel_rows(
    truth: np.ndarray, predicted: np.ndarray, classes: Sequence[str]
) -> tuple[dict[str, np.ndarray], tuple[str, ...], str]:
    """Rows, classes and background of a timeline where a frame may have several labels: two rows, truth and prediction,
    for each of the labels that are there most often. Both arrays are (time, classes) of 0 and 1, -1 where nobody said.
    """
    absent = len(classes)
    often = np.argsort(-((truth == 1) + predicted).sum(axis=0), kind="stable")[:MOST_LABELS]
    rows = {}
    for label in sorted(often.tolist()):
        rows[f"{classes[label]}, truth"] = np.choose(truth[:, label] + 1, [-1, absent, label])
        rows[classes[label]] = np.choose(predicted[:, label], [absent, label])
    return rows, (*classes, "absent"), "absent"


def class_colours(classes: Sequence[str], *, background: str = "background") -> list[str]:
    """A colour for each class, from its place alone: a few as in other figures, more round the circle of hues by the
    golden angle, lighter and darker by turns, so that neighbours differ. Light grey for the background.
    """
    colours, number = [], 0
    for name in classes:
        if name == background:
            colours.append(BACKGROUND_COLOUR)
            continue
        if len(classes) <= len(FEW):
            colours.append(FEW[number])
        else:
            lightness, saturation = [(0.45, 0.62), (0.68, 0.62), (0.33, 0.5), (0.58, 0.38)][number % 4]
            channels = colorsys.hls_to_rgb((0.07 + number * 0.381966) % 1.0, lightness, saturation)
            colours.append("#" + "".join(f"{round(255 * channel):02x}" for channel in channels))
        number += 1
    return colours


def _draw_row(axis: Axes, labels: np.ndarray, height: int, colours: list[str], second: float) -> None:
    borders = np.flatnonzero(np.diff(labels)) + 1
    starts, ends = np.append(0, borders), np.append(borders, len(labels))
    for label in np.unique(labels):
        here = labels[starts] == label
        spans = np.stack([starts[here], ends[here] - starts[here]], axis=1) / second
        look: dict[str, Any] = UNLABELLED if label < 0 else {"facecolor": colours[label], "linewidth": 0.0}
        axis.broken_barh([(x, w) for x, w in spans.tolist()], (height - 0.36, 0.72), **look)


def _draw_confidence(axis: Axes, confidence: np.ndarray, second: float) -> None:
    edges = np.arange(len(confidence) + 1) / second
    axis.stairs(confidence, edges, fill=True, color=COLOURS[1], alpha=0.25, lw=0)
    axis.stairs(confidence, edges, color=COLOURS[1], lw=0.9, baseline=None)
    axis.set_ylim(0, 1.02)
    axis.set_yticks([0, 0.5, 1])
    axis.tick_params(axis="y", labelsize=8, color=GREY)
    axis.set_ylabel("confidence", fontsize=9)
    axis.grid(alpha=0.25, color=GREY, lw=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)


def _time_axis(axis: Axes, length: float, *, in_seconds: bool) -> None:
    if not in_seconds:
        axis.set_xlabel("frame", fontsize=9)
    elif length <= 120:
        axis.set_xlabel("seconds", fontsize=9)
    else:
        steps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000]
        axis.set_xlabel("minutes:seconds", fontsize=9)
        step = next((step for step in steps if length / step <= 10), steps[-1])
        axis.set_xticks(np.arange(0, length + 1e-9, step))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{int(x) // 60}:{int(x) % 60:02d}"))
        return
    axis.xaxis.set_major_locator(MaxNLocator(10, integer=not in_seconds))


def _legend_shape(names: Sequence[str]) -> tuple[int, int]:
    """Columns and rows: as few rows as ten inches allow, filled evenly."""
    fitting = max(1, int(130 / (max(len(name) for name in names) + 5)))
    rows = -(-len(names) // fitting)
    return -(-len(names) // rows), rows
