"""Readers of what commands leave: run folders, sweeps, statistics, checkpoints, packed models."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from target import Files, Target, only_file

CURVES = (
    "epoch,seconds,step,train/loss,val/accuracy,val/loss\n0,0.3,3,2.0,,\n0,0.5,3,,50.0,1.9\n"
    "1,0.9,7,1.5,,\n1,1.1,7,,60.0,1.5\n"
)


def run_folder() -> Files:
    from run_pages import EVALUATION, RECORD

    return {
        **{"metrics.csv": CURVES.encode(), "metrics-before-4.csv": CURVES.encode()},
        **{"run.json": json.dumps(RECORD).encode(), "evaluation_val.json": json.dumps(EVALUATION).encode()},
    }


def run_page(folder: Path) -> object:
    from run_pages import write_run_page

    return write_run_page(folder)


def sweep() -> Files:
    from run_pages import sweep_of
    from target import picture

    return {"sweep.json": json.dumps(sweep_of(Path("/s"))).encode(), "figure.png": picture()}


def sweep_page(folder: Path) -> object:
    from run_pages import write_sweep_page

    return write_sweep_page(folder)


def run_config(folder: Path) -> object:
    from seqvision.cli.run_config import changes, read_config

    config = read_config(folder / "config.yaml")
    return changes(config, config, folder)


def statistics(folder: Path) -> object:
    from seqvision.encoders.statistics import read_statistics

    return read_statistics(folder / "check.json")


def frequencies(folder: Path) -> object:
    from seqvision.metrics.cider import DocumentFrequencies

    return DocumentFrequencies.load(folder / "frequencies.json").weight("a dog")


@cache
def scenes() -> Files:
    from seqvision.data.scenes import write_scenes

    with tempfile.TemporaryDirectory() as folder:
        written = write_scenes(Path(folder) / "scenes", counts={"train": 2}, size=16, progress=False)
        return {"scenes.json": (written / "scenes.json").read_bytes()}


def read_scene_folder(folder: Path) -> object:
    from seqvision.data.scenes.write import is_written, read_scenes

    return len(read_scenes(folder)), is_written(folder, {}, "scenes.json", "scenes")


def kind_of(pattern: str) -> Any:
    """The class of a loaded model."""
    from seqvision.inference import checkpoint, painting, reading, sequences, translating

    return {
        "captioning": checkpoint.LoadedCaptioner,
        "labelling": sequences.LoadedLabeller,
        "classification": sequences.LoadedClassifier,
        "translation": translating.LoadedTranslator,
        "reading": reading.LoadedReader,
        "painting": painting.LoadedPainter,
    }[pattern]


@cache
def checkpoint(pattern: str) -> dict[str, Any]:
    """A checkpoint of a network that was never trained."""
    from small_patterns import small_task

    from seqvision.digest import seal

    with tempfile.TemporaryDirectory() as folder:
        task, _ = small_task(pattern, Path(folder))
    made = {"seqvision": task.contents, "state_dict": task.state_dict()}
    seal(made)
    return made


def described(pattern: str) -> Files:
    return {"held.json": json.dumps(checkpoint(pattern)["seqvision"]).encode()}


def build_described(pattern: str, folder: Path) -> object:
    """A checkpoint that holds what the file says, and a digest that is right for it."""
    import torch

    from seqvision.digest import seal
    from seqvision.inference import load_model

    try:
        held = json.loads((folder / "held.json").read_bytes())
    except (ValueError, RecursionError):
        return None
    made = {"seqvision": held, "state_dict": checkpoint(pattern)["state_dict"]}
    try:
        if isinstance(held, dict):
            seal(made)
        torch.save(made, folder / "best.ckpt")
    except (RecursionError, UnicodeEncodeError):  # no writer could have made it
        return None
    return load_model(folder, kind_of(pattern))


@cache
def saved() -> Files:
    import torch

    with tempfile.TemporaryDirectory() as folder:
        torch.save(checkpoint("labelling"), Path(folder) / "best.ckpt")
        return {"best.ckpt": (Path(folder) / "best.ckpt").read_bytes()}


@cache
def packed() -> Files:
    from seqvision.inference.pack import pack

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "best.ckpt").write_bytes(saved()["best.ckpt"])
        return {"model.safetensors": pack(folder).read_bytes()}


def load_one(folder: Path) -> object:
    from seqvision.inference import load_model

    return load_model(only_file(folder), kind_of("labelling"))


PATTERNS = ("captioning", "labelling", "classification", "translation", "reading", "painting")
CONFIG = b"""name: x
run_dir: /runs/x
resume: null
rnn: {_target_: seqvision.rnn.Recurrent, _partial_: true, hidden_size: 8, cell: {_target_: seqvision.rnn.LSTMCell}}
optimizer: {lr: 1e-3, betas: [0.9, 0.99]}
callbacks: {best: {dirpath: '${run_dir}', monitor: val/loss}}
"""
STATISTICS = b'{"channel_mean": [120.5, 110.0, 99.0], "channel_std": [60.0, 61.0, 62.5]}'
FREQUENCIES = b'{"format": "seqvision document frequencies 1", "pictures": 4, "counts": {"a": 4, "a dog": 1}}'
TARGETS = {
    "run_folder": Target(run_folder, run_page),
    "run_config": Target(lambda: {"config.yaml": CONFIG}, run_config),
    "sweep": Target(sweep, sweep_page),
    "scenes": Target(scenes, read_scene_folder),
    "statistics": Target(lambda: {"check.json": STATISTICS}, statistics),
    "frequencies": Target(lambda: {"frequencies.json": FREQUENCIES}, frequencies),
    **{
        f"checkpoint_{pattern}": Target(
            lambda pattern=pattern: described(pattern), lambda folder, pattern=pattern: build_described(pattern, folder)
        )
        for pattern in PATTERNS
    },
    "checkpoint_file": Target(saved, load_one),
    "packed": Target(packed, load_one),
}
