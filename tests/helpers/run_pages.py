"""What a run and a sweep leave in their folders, and the pages that are made of it."""

import io
from pathlib import Path
from typing import Any

from torch import nn

from seqvision.figures.page import Page
from seqvision.inference.checkpoint import LoadedModel
from seqvision.inference.evaluation_data import evaluation_data
from seqvision.inference.report import Words, write_report
from seqvision.inference.run_folder import read_curves, read_evaluations, read_record
from seqvision.inference.sweep_report import write_comparison, write_sweep_report
from seqvision.sweeps import Sweep, Trial, read_sweep

RECORD = {
    **{"name": "x", "command": "seqvision train", "config_hash": "0", "seed": 0, "epochs": 2, "steps": 8},
    **{"seconds": {"preparation": 1.0, "training": 90.5}, "steps_per_epoch": 4.0, "parameters": 10},
    "scores": {"val/loss": 1.5},
}
EVALUATION = {
    **{"command": "seqvision evaluate", "digests": ["0"]},
    **evaluation_data(
        pattern="classification",
        split="test",
        sizes={"items": 4},
        scores={"accuracy": 70.0},
        intervals={"accuracy": (60.0, 80.0)},
        controls={"most_frequent": {"accuracy": 50.0}},
        differences={"most_frequent": {"accuracy": {"difference": 20.0, "interval": [1.0, 2.0], "p_value": 0.1}}},
        protocol="a",
        signatures={"bleu": "x"},
        notes=["n"],
        collapse="c",
    ),
}


def sweep_of(folder: Path) -> dict:
    values = [{"lr": 0.1, "rnn": "lstm"}, {"lr": 0.01, "rnn": "gru"}]
    trials = [
        Trial(
            **{"name": str(n), "overrides": ("lr=0.1",), "seed": 0, "folder": folder / f"{n}-seed0", "values": each},
            **{"state": "finished", "score": 3.0 + n, "scores": {"val/accuracy": 3.0}, "epochs": 1, "steps": 2},
        )
        for n, each in enumerate(values)
    ]
    space = {"lr": {"low": 0.001, "high": 1.0, "scale": "log"}, "rnn": ["lstm", "gru"]}
    made = Sweep("x", "random", "seqvision", ["rnn=lstm"], "val/accuracy", "max", trials, notes=["n"], space=space)
    return made.to_dict(folder)


class Own:
    """A pattern's part of the page."""

    words = Words(
        unit="items",
        scores={"accuracy": ("accuracy", "right ones")},
        controls={"most_frequent": "most frequent"},
        tiles=["accuracy"],
        about="",
    )
    network = "a network"
    facts: dict = {}  # noqa: RUF012

    def write(self, page: Page) -> None:
        page.heading("its own")


def write_run_page(folder: Path) -> str:
    model: Any = object.__new__(LoadedModel)
    vars(model).update(path=folder / "best.ckpt", model=nn.Linear(1, 1), config={})
    file = io.StringIO()
    evaluations, _ = read_evaluations(folder, "0")
    own, curves = Own(), read_curves(folder)
    write_report(file, model, own, curves=curves, record=read_record(folder), evaluations=evaluations)
    return file.getvalue()


def write_sweep_page(folder: Path) -> str:
    file = io.StringIO()
    sweep = read_sweep(folder)
    write_sweep_report(file, sweep, folder)
    if sweep.space:
        write_comparison(file, {"one": sweep, "other": sweep})
    return file.getvalue()
