"""Labellers that were never trained, recordings for them, and what they say of these."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from sequence_models import LINEAR, PICTURES, described, save_run

from seqvision.data import FeatureReader, VideoReader
from seqvision.inference import LoadedLabeller, label, load_model

CLASSES = ("rest", "walk", "groom")
CONFIG = {
    "task": {"protocol": "mstcn", "background": ["rest"]},
    "data": {"merge": {"Walking": "walk"}, "align": "error"},
}
COLUMNS = ("x", "y")


def save_sensor(folder: Path, classes: tuple[str, ...] = CLASSES, **settings: Any) -> Path:
    """The folder with a forward-only labeller of tables with the columns x and y, without a clock."""
    reader = FeatureReader(features=2, columns=COLUMNS)
    return save_run(folder, "labelling", described(LINEAR), reader, classes, config=CONFIG, **settings)


def save_films(folder: Path) -> Path:
    """The folder with a labeller of small videos that looks in both directions."""
    model = described(PICTURES, bidirectional=True)
    return save_run(folder, "labelling", model, VideoReader(width=24, height=24), CLASSES, config=CONFIG)


def write_table(file: Path, length: int = 40, seed: int = 0) -> Path:
    """A table with a walk in two columns and a clock of ten rows a second."""
    values = np.cumsum(np.random.default_rng(seed).normal(size=(length, 2)), axis=0)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("time_s,y,x\n" + "".join(f"{n / 10:.1f},{y:.5f},{x:.5f}\n" for n, (y, x) in enumerate(values)))
    return file


def rows(file: Path) -> list[dict[str, str]]:
    """The rows of a table that was written."""
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def predicted(model: Path, source: Path):
    """Probabilities and labels of every frame, as the library gives them."""
    loaded = load_model(model, LoadedLabeller)
    probabilities = label(loaded, source)
    return probabilities, loaded.decide(probabilities)
