"""The record of an evaluation: what these scores are, and how to make them again."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvision.cli.config import config_hash
from seqvision.cli.machine import commit, machine
from seqvision.cli.output import write_output

if TYPE_CHECKING:
    from seqvision.inference import LoadedCaptioner
    from seqvision.inference.evaluation import Evaluation


def evaluation_record(
    evaluation: "Evaluation",
    captioners: "Sequence[LoadedCaptioner]",
    *,
    decoding: str | None,
    command: str,
    seconds: float,
) -> dict[str, Any]:
    """The evaluation as plain data, with the command, the commit, the configuration, the time and the machine."""
    config = captioners[0].config if captioners else {}
    return {
        "command": command,
        "commit": commit(),
        "checkpoints": [str(captioner.path) for captioner in captioners],
        "config_hash": config_hash(config) if config else None,
        "seed": config.get("seed"),
        "decoding": decoding,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(seconds, 1),
        "machine": machine(),
        **evaluation.to_dict(),
    }


def save_record(folder: Path, record: dict[str, Any]) -> None:
    """The record as evaluation_SPLIT.json in a run's folder."""
    write_output(folder / f"evaluation_{record['split']}.json", json.dumps(record, indent=2))
