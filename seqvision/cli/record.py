"""The record of an evaluation: what these scores are, and how to make them again."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from seqvision.cli.config import config_hash
from seqvision.cli.machine import commit, machine
from seqvision.cli.output import write_output

if TYPE_CHECKING:
    from seqvision.inference import LoadedModel


@runtime_checkable
class Evaluation(Protocol):
    """What every pattern's evaluation has: scores of a split, with intervals, beside controls.

    to_dict: all as plain data, with the keys of `seqvision.inference.evaluation_data` that it has. notes: what was left
    out and why.
    """

    @property
    def split(self) -> str: ...
    @property
    def scores(self) -> Mapping[str, float]: ...
    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]: ...
    @property
    def controls(self) -> Mapping[str, Mapping[str, float]]: ...
    @property
    def notes(self) -> Sequence[str]: ...
    def to_dict(self) -> dict[str, Any]: ...


def evaluation_record(
    evaluation: Evaluation,
    models: "Sequence[LoadedModel]",
    *,
    decoding: str | None,
    command: str,
    seconds: float,
) -> dict[str, Any]:
    """The evaluation as plain data, with the command, the commit, the configuration, the time and the machine."""
    from seqvision.inference.evaluation_data import evaluation_data

    config = models[0].config if models else {}
    return {
        "command": command,
        "commit": commit(),
        "checkpoints": [str(model.path) for model in models],
        "digests": [model.digest for model in models],
        "config_hash": config_hash(config) if config else None,
        "seed": config.get("seed"),
        "decoding": decoding,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(seconds, 1),
        "machine": machine(),
        **evaluation_data(
            pattern=models[0].pattern if models else "captioning",
            split=evaluation.split,
            sizes={},
            scores=evaluation.scores,
            intervals=evaluation.intervals,
            controls=evaluation.controls,
            notes=evaluation.notes,
        ),
        **evaluation.to_dict(),
    }


def save_record(folder: Path, record: dict[str, Any]) -> None:
    """The record as evaluation_SPLIT.json in a run's folder."""
    write_output(folder / f"evaluation_{record['split']}.json", json.dumps(record, indent=2))


def stands_for_run(model: "LoadedModel") -> bool:
    """Whether it is what the run's folder is known by: its best checkpoint, or the only one; no packed model is."""
    return model.path.name == "best.ckpt" or (
        model.path.suffix == ".ckpt" and not (model.path.parent / "best.ckpt").is_file()
    )
