"""What trackers show of a run beside its curves: the configuration, and the task's samples after a validation."""

import json
import re
from collections.abc import Sequence
from io import BytesIO
from textwrap import indent
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from pytorch_lightning import LightningModule, Trainer

from seqvision.callbacks.loggers import TolerantTensorBoardLogger, TolerantWandbLogger
from seqvision.callbacks.observer import Observer
from seqvision.callbacks.samples import Cell, Plot, Sample

DPI = 110
MOST_PIXELS = 4000  # a side; a larger plot is made smaller


class ConfigurationRecord(Observer):
    """Hands the whole resolved configuration to every tracker, once, at the start."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        config: Any = pl_module.contents["config"]  # type: ignore[index]
        for logger in trainer.loggers:
            if isinstance(logger, TolerantTensorBoardLogger) and trainer.is_global_zero:
                # as text: TensorBoard's own table of settings wants a made-up score beside it
                text = indent(json.dumps(config, indent=2), " " * 4)
                logger.attempt(lambda each=logger, said=text: each.experiment.add_text("configuration", said))
            elif isinstance(logger, TolerantWandbLogger):
                logger.log_hyperparams(config)


class PredictionTable(Observer):
    """The tables and plots of `Task.validation_samples`, in every tracker, after each validation.

    count: how many validation items, the first ones. They are shown as the network sees them.
    """

    def __init__(self, count: int = 32):
        self.count = count

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loggers = [one for one in trainer.loggers if isinstance(one, (TolerantWandbLogger, TolerantTensorBoardLogger))]
        show = getattr(pl_module, "validation_samples", None)
        if trainer.sanity_checking or not trainer.is_global_zero or not loggers or show is None:
            return
        samples: Sequence[Sample] = show(self.count)
        for logger in loggers:
            render = _to_tensorboard if isinstance(logger, TolerantTensorBoardLogger) else _to_wandb
            for sample in samples:
                logger.attempt(render, logger, sample, trainer.global_step)


def _to_wandb(logger: TolerantWandbLogger, sample: Sample, step: int) -> None:
    """A table as a W&B table with its images in it, a plot as an image."""
    import wandb

    if isinstance(sample, Plot):
        content: Any = wandb.Image(rendered(sample.figure))
    else:
        content = wandb.Table(columns=list(sample.columns))
        for row in sample.rows:
            content.add_data(*(wandb.Image(rendered(v)) if _is_image(v) else _encodable(v) for v in row))
    logger.experiment.log({f"val/{sample.name}": content, "trainer/global_step": step})


def _to_tensorboard(logger: TolerantTensorBoardLogger, sample: Sample, step: int) -> None:
    """A table as Markdown, its images beside it under the rows' ids; a plot as an image."""
    writer, key = logger.experiment, f"val/{sample.name}"

    def add_image(name: str, image: Any) -> None:
        writer.add_image(_encodable(name), np.asarray(rendered(image).convert("RGB")), step, dataformats="HWC")

    if isinstance(sample, Plot):
        add_image(key, sample.figure)
        return
    words = [place for place in range(len(sample.columns)) if not any(_is_image(row[place]) for row in sample.rows)]
    lines = ["| " + " | ".join(sample.columns[place] for place in words) + " |", "|" + "---|" * len(words)]
    for number, row in enumerate(sample.rows):
        lines.append("| " + " | ".join(_markdown(row[place]) for place in words) + " |")
        name = row[sample.columns.index("id")] if "id" in sample.columns else number
        for value in filter(_is_image, row):
            add_image(f"{key}/{name}", value)
    writer.add_text(key, "\n".join(lines), step)


def rendered(image: Any) -> Image.Image:
    """The pixels of an image or a figure, of at most so many a side."""
    if not isinstance(image, Image.Image):
        file = BytesIO()
        inches = max(image.get_size_inches())
        image.savefig(file, format="png", dpi=min(DPI, MOST_PIXELS / inches), facecolor="white")
        image = Image.open(file).convert("RGB")
    elif max(image.size) > MOST_PIXELS:
        image = image.copy()
        image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    return image


def _is_image(value: Cell) -> bool:
    return isinstance(value, (Image.Image, Figure))


def _encodable(value: Any) -> Any:
    """A value, of a text what UTF-8 can hold of it."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _markdown(value: Cell) -> str:
    """A value inside a cell of a Markdown table, none of its characters taken for markup."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    lines = str(_encodable(value)).replace("&", "&amp;").replace("<", "&lt;").splitlines()
    return re.sub(r"([\\|*_`\[\]])", r"\\\1", " / ".join(lines))
