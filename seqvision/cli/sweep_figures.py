"""Figures of a sweep that need its networks themselves: built again from their configuration, or loaded."""

import contextlib
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from seqvision.checks.layers import record_layers
from seqvision.errors import UserError
from seqvision.figures import histograms_figure
from seqvision.figures.curves import GREY
from seqvision.figures.generalisation import titled
from seqvision.figures.variants import colour
from seqvision.sweeps import Sweep, Trial

ITEMS = 256  # whose activations are looked at


def activations_figure(sweep: Sweep, *, kinds: Sequence[str] = ("tanh", "relu", "sigmoid")) -> Figure:
    """A row a variant: histograms of what each of its layers puts out before training, from the first to the last, with
    the deviation and how much of it is at the function's ends, or zero.

    kinds: of the layers that are shown, as `seqvision check` calls them.
    """
    rows = {}
    for name in sweep.names:
        layers = [layer for layer in first_layers(sweep.of(name)[0]) if layer.kind in kinds]
        rows[name] = [(f"layer {place}: {_said(layer)}", layer.values) for place, layer in enumerate(layers, start=1)]
    figure = titled(histograms_figure(rows), sweep)
    for axis in figure.axes:
        axis.xaxis.get_offset_text().set_fontsize(6.5)
    return figure


def first_layers(trial: Trial) -> list[Any]:
    """The layers of a trial's network before it has learnt anything, on training items, with their gradients."""
    from omegaconf import OmegaConf

    from seqvision.cli.build import build
    from seqvision.cli.config import plain
    from seqvision.cli.run_config import FILE, read_config
    from seqvision.data.loading import Item

    resolved = plain(read_config(trial.folder / FILE))
    with contextlib.redirect_stdout(io.StringIO()):
        task, data = build(OmegaConf.create(resolved), resolved, torch.device("cpu"))
    dataset = data.dataset("train", training=False)
    batch = dataset.__getitems__([Item(index, index) for index in range(min(ITEMS, len(dataset)))])

    def mean_loss() -> torch.Tensor:
        loss, count = task.loss(batch)
        return loss / count

    return record_layers(task.model, mean_loss)


def _said(layer: Any) -> str:
    share = layer.zeros if layer.kind == "relu" else layer.saturated
    what = "at 0" if layer.kind == "relu" else "at its ends"
    return f"σ {layer.deviation:.2g}" + (f"\n{share:.0%} {what}" if share else "\n")


def weights_figure(sweep: Sweep, *, layer: str, shape: Sequence[int], rows: int = 10) -> Figure:
    """A line a variant, of its first seed: the weights of the first units of a layer as pictures, blue below zero and
    red above, then how they are distributed, with the share that is as good as zero.

    layer: the name of its matrix in the network, such as "output.weight". shape: height and width of a unit's picture.
    """
    height, width = shape
    figure = Figure(figsize=(0.72 * rows + 3.6, 0.95 * len(sweep.names) + 0.4), layout="constrained")
    grid = figure.add_gridspec(len(sweep.names), rows + 3)
    for line, name in enumerate(sweep.names):
        matrix = weights_of(sweep.of(name)[0], layer)
        if matrix.shape[1] != height * width:
            raise UserError(f"sweep.figure.shape is {list(shape)}, but a unit of {layer} has {matrix.shape[1]} weights")
        reach = float(np.abs(matrix).max()) or 1.0
        for unit, weights in enumerate(matrix[:rows]):
            axis = figure.add_subplot(grid[line, unit])
            axis.imshow(weights.reshape(height, width), cmap="RdBu_r", vmin=-reach, vmax=reach)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_color("0.85")
            if not unit:
                axis.set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center")
        axis = figure.add_subplot(grid[line, rows:])
        axis.hist(matrix.flatten(), bins=61, range=(-reach, reach), color=colour(line), log=True)
        axis.set_title(f"{near_zero(matrix):.0%} near zero", fontsize=8, loc="left")
        axis.set_yticks([])
        axis.minorticks_off()
        axis.tick_params(labelsize=7, color=GREY)
        axis.spines[["top", "right", "left"]].set_visible(False)
    return titled(figure, sweep)


def near_zero(matrix: np.ndarray, share: float = 0.01) -> float:
    """How many of the weights are below a hundredth of the largest."""
    return float((np.abs(matrix) < share * np.abs(matrix).max()).mean())


def weights_of(trial: Trial, layer: str) -> np.ndarray:
    """A matrix of a trial's network at the end of its training."""
    from seqvision.digest import model_weights
    from seqvision.inference.checkpoint_file import read_checkpoint

    weights = model_weights(read_checkpoint(trial.folder / "last.ckpt"))
    if layer not in weights:
        names = [name for name, value in weights.items() if value.dim() > 1]
        raise UserError(f"sweep.figure.layer: the network has no '{layer}'; there is {', '.join(names)}")
    return weights[layer].flatten(1).double().numpy()


def ensembles_figure(sweep: Sweep, *, split: str = "test", score: str = "accuracy") -> Figure:
    """Dots for single networks and for what can be made of several: of every variant its members, one a seed, and the
    ensemble of them; of one that kept snapshots, each training's last weights and the ensemble of its snapshots.

    score: of an evaluation on the split; the ensemble averages probabilities.
    """
    columns: dict[str, list[float]] = {}
    for name in sweep.names:
        trials = sweep.of(name)
        alone = [evaluated([trial.folder / "last.ckpt"], split, score) for trial in trials]
        snapshots = [sorted(trial.folder.glob("snapshot_*.ckpt")) for trial in trials]
        if min(map(len, snapshots)) > 1:
            columns[f"{name}: the last"] = alone
            columns[f"{name}: their ensemble"] = [evaluated(paths, split, score) for paths in snapshots]
        else:
            columns[name] = alone
        if len(trials) > 1:
            members = [trial.folder / "last.ckpt" for trial in trials]
            columns[f"{name}: ensemble of {len(trials)}"] = [evaluated(members, split, score)]
    figure = Figure(figsize=(1.5 + 1.25 * len(columns), 3.9), layout="constrained")
    axis = figure.subplots()
    for place, values in enumerate(columns.values()):
        axis.plot([place] * len(values), values, lw=0, marker="o", ms=5, color=colour(place), alpha=0.7)
        axis.plot([place - 0.25, place + 0.25], [np.mean(values)] * 2, color=colour(place), lw=2.5)
        axis.annotate(f"{np.mean(values):.1f}", (place + 0.27, float(np.mean(values))), va="center", fontsize=9)
    axis.set_xticks(range(len(columns)), [name.replace(": ", ":\n").replace(" of", "\nof") for name in columns])
    axis.set_xlim(-0.6, len(columns) - 0.4)
    axis.set_title(f"{score} on {split}", fontsize=11, loc="left")
    axis.tick_params(labelsize=9, color=GREY)
    axis.grid(axis="y", alpha=0.25, color=GREY, lw=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    return titled(figure, sweep)


def evaluated(checkpoints: Sequence[Path], split: str, score: str) -> float:
    """A score of a network, or of several as an ensemble, as `seqvision evaluate` has it."""
    from seqvision.cli.evaluate import main

    named = [word for path in checkpoints for word in ("--checkpoint", str(path))]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main(["--split", split, "--format", "json", "--no-controls", "--bootstrap", "10", *named])
    found = json.loads(out.getvalue())
    value = float((found[0] if isinstance(found, list) else found)["scores"][score])
    return value if math.isfinite(value) else math.nan
