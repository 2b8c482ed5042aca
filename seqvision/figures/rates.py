"""The loss over rising learning rates, with the rate that it suggests."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from seqvision.figures.curves import COLOURS, GREY, Curve


def rates_figure(
    runs: Sequence[tuple[Curve, Curve]], *, rate: float | None, low: float | None, high: float | None, title: str
) -> Figure:
    """Every run's losses by rate, as they were (thin) and smoothed; the suggested rate as a line, its range as a band.

    runs: for each its (rate, loss) points and the smoothed ones.
    """
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axis = figure.subplots()
    heights = []
    for number, (raw, smooth) in enumerate(runs):
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        axis.plot(*zip(*raw, strict=True), color=colour, lw=0.6, alpha=0.35)
        axis.plot(*zip(*smooth, strict=True), color=colour, lw=1.8, label=f"run {number + 1}")
        heights += [loss for _, loss in smooth[: max(5, len(smooth) // 4)]]
    if low is not None and high is not None:
        axis.axvspan(low, high, color=COLOURS[0], alpha=0.13, lw=0, label="what may do")
    if rate is not None:
        axis.axvline(rate, color=COLOURS[0], lw=1.8, label=f"suggested: {rate:.1e}")
    axis.set_xscale("log")
    if heights:
        lowest = min(loss for _, smooth in runs for _, loss in smooth)
        room = max(max(heights) - lowest, 1e-6)
        axis.set_ylim(lowest - 0.1 * room, max(heights) + 0.6 * room)  # not up to where it blows up
    axis.set_xlabel("learning rate", fontsize=10)
    axis.set_ylabel("loss", fontsize=10)
    axis.set_title(title, fontsize=10, loc="left")
    axis.grid(alpha=0.25, color=GREY, lw=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=9, frameon=False)
    return figure
