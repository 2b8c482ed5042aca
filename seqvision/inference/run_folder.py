"""What a run has left in its folder besides its checkpoints: curves, its record, its evaluations."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqvision.data.core.json_values import read_object
from seqvision.data.core.text import decode_text, read_file
from seqvision.inference.evaluation_data import SCHEMA
from seqvision.json_shapes import (
    COUNT,
    FINITE,
    NUMBER,
    TEXT,
    by_name,
    check_shapes,
    entries,
    list_of,
    or_null,
)

Points = list[tuple[float, float]]
_AGAIN = "Delete the file; it can be made again."


def read_curves(folder: Path) -> dict[str, Points]:
    """(step, value) points by logged name, from metrics.csv and from what earlier parts of a resumed run left.

    A part that was broken off may have gone beyond the step that the run was resumed from, which its name says
    (metrics-before-STEP.csv): what lies behind it was done again, and is left out.
    """
    curves: dict[str, dict[float, float]] = {}
    parts = [(path, _border(path)) for path in sorted(folder.glob("metrics-*.csv"))]
    for path, border in [*parts, (folder / "metrics.csv", None)]:
        if not path.is_file():
            continue
        text = decode_text(read_file(path), path)
        for row in csv.DictReader(io.StringIO(text, newline="")):
            step = _number(row.get("step"))
            if step is None or not math.isfinite(step) or (border is not None and step >= border):
                continue
            for name, cell in row.items():
                value = _number(cell)
                if name not in ("step", None) and value is not None:
                    curves.setdefault(name, {})[step] = value
    return {name: sorted(points.items()) for name, points in curves.items()}


def curve_panels(curves: Mapping[str, Points]) -> dict[str, dict[str, Points]]:
    """The curves worth looking at, by panel: the losses together, then the validation's scores, then the rate."""
    panels: dict[str, dict[str, Points]] = {}
    losses = {name.partition("/")[0]: curves[name] for name in ("train/loss", "val/loss") if name in curves}
    if losses:
        panels["loss"] = losses
    for name, title in _SHOWN.items():
        if name in curves:
            panels[title] = {title: curves[name]}
    rates = {name: points for name, points in curves.items() if name.startswith("lr-")}
    if rates:
        # groups of parameters share a schedule: one line for each rate that differs
        distinct = {str(points): (name, points) for name, points in rates.items()}
        panels["learning rate"] = dict(distinct.values())
    return panels


_SHOWN = {
    "train/reward": "reward",
    "val/cider_d": "CIDEr-D",
    "val/bleu_4": "BLEU-4",
    "val/rouge_l": "ROUGE-L",
    "val/distinct": "different captions, percent",
    "val/accuracy": "accuracy",
    "val/macro_f1": "macro F1",
    "val/calibration_error": "calibration error",
    "val/edit": "edit",
    "val/f1@25": "F1@25",
    "val/mean_average_precision": "mean average precision",
    "val/bleu": "BLEU",
    "val/chrf": "chrF",
    "val/nats": "nats",
    "val/reconstruction": "reconstruction",
    "val/kl": "KL",
}


_SCORES = by_name(or_null(NUMBER))
_ENDS = list_of(NUMBER, least=2, most=2)
_DIFFERENCE = entries({"difference": NUMBER, "interval": or_null(_ENDS)})
_RECORD = {
    **{"command": TEXT, "config_hash": TEXT, "seconds": entries({"training": FINITE}), "epochs": COUNT},
    **{"steps": COUNT, "steps_per_epoch": FINITE, "parameters": COUNT},
}
_EVALUATION = {
    **{"pattern": TEXT, "split": TEXT, "sizes": by_name(COUNT), "scores": _SCORES, "controls": by_name(_SCORES)},
    **{"intervals": by_name(_ENDS), "differences": by_name(by_name(_DIFFERENCE))},
    **{"protocol": or_null(TEXT), "signatures": by_name(TEXT), "collapse": or_null(TEXT), "notes": list_of(TEXT)},
}


def read_record(folder: Path) -> dict[str, Any]:
    """What training wrote into run.json; empty if it did not come to its end.

    Raises:
        UserError: A key that commands read is missing, or has another value than training writes.
    """
    file = folder / "run.json"
    if not file.is_file():
        return {}
    record = read_object(file, _AGAIN)
    check_shapes(record, _RECORD, file, _AGAIN)
    return record


def read_evaluations(folder: Path, digest: str) -> tuple[list[dict[str, Any]], list[Path]]:
    """(the evaluations of the run's checkpoint by split, test first; files of other weights or of an older version).

    digest: the checkpoint's. A run that went on, or was made anew in the same folder, has another one than before.

    Raises:
        UserError: A file is no JSON, or one of the checkpoint's has a key that is missing or of another kind.
    """
    found = {path: read_object(path, _AGAIN) for path in sorted(folder.glob("evaluation_*.json"))}
    own = {p: r for p, r in found.items() if r.get("digests") == [digest] and r.get("schema") == SCHEMA}
    for path, record in own.items():
        check_shapes(record, _EVALUATION, path, _AGAIN)
    others = [path for path in found if path not in own]
    return sorted(own.values(), key=lambda record: record.get("split") != "test"), others


def _border(path: Path) -> float | None:
    return _number(path.stem.rpartition("-")[2])


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
