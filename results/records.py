"""Keeps the records of runs in results/.

A record lies in results/EXPERIMENT/, its name saying what was changed on the command line (`rnn=elman`), which part of
the data was held out (`data.split=2`) and the seed.
"""

import json
import re
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# parts of a command that change neither what is learnt nor from what
INCIDENTAL = ("seed", "experiment", "name", "hydra", "cache", "run_dir", "resume", "logger", "data.path", "data.folder")
INCIDENTAL += ("data.num_workers", "trainer.accelerator", "trainer.devices", "start_from")
INCIDENTAL += ("data.splits.seed", "data.splits.fold")  # who validates: another draw, as by the seed
SCHEMA = 1  # of evaluations, see seqvision/inference/evaluation_data.py
HELD_OUT = ("data.split", "data.splits.test_groups", "data.splits.val_groups")


def add(run: Path) -> Path:
    """The file in results/ that holds the records of a run, or of an evaluation of several models."""
    if run.is_file():
        return add_together(run)
    record = json.loads((run / "run.json").read_text())
    evaluations = {
        file.stem.removeprefix("evaluation_"): _short(json.loads(file.read_text()))
        for file in sorted(run.glob("evaluation_*.json"))
    }
    if not evaluations:
        sys.exit(f"{run}: no evaluation_*.json; run `seqvision evaluate --checkpoint {run}` first")
    changed, held_out = told_apart(record["command"])
    return _written(record, evaluations, changed, held_out)


def add_together(file: Path) -> Path:
    """The record of models that answered together, or of one by several answers of its own: what their runs changed of
    the experiment, and what they are together (`5 together`, `4 snapshots`, `both directions`, `inference=mc_dropout`).
    Training took as long as that of all the runs.
    """
    found = json.loads(file.read_text())
    evaluations = {each["split"]: _short(each) for each in (found if isinstance(found, list) else [found])}
    first = next(iter(evaluations.values()))
    checkpoints = [Path(name) for name in first["checkpoints"]]
    folders = list(dict.fromkeys(checkpoint.parent for checkpoint in checkpoints))
    runs = [json.loads((folder / "run.json").read_text()) for folder in folders]
    told = [told_apart(run["command"]) for run in runs]
    both = "--backward" in shlex.split(first["command"])
    if not both and len({(run["name"], *map(tuple, each)) for run, each in zip(runs, told, strict=True)}) > 1:
        sys.exit(f"{file}: the runs differ in more than their seed: {', '.join(map(str, folders))}")
    changed, held_out = told[0]
    said = re.findall(r"--inference[ =](\w+)", first["command"])
    if both:
        said = ["(both directions)"]
    elif len(checkpoints) > len(folders):
        said = [f"({len(checkpoints)} snapshots)"]
    elif len(checkpoints) > 1:
        said = [f"({len(checkpoints)} together)"]
    elif not said:
        sys.exit(f"{file}: one model; add its run {folders[0]} instead")
    else:
        said = [f"(inference={said[0]})"]
    record = {**runs[0], "command": first["command"], "members": [run["command"] for run in runs]}
    record["seconds"] = {"training": round(sum(run["seconds"]["training"] for run in runs), 1)}
    return _written(record, evaluations, [*changed, *said], held_out)


def _written(
    record: dict[str, Any], evaluations: dict[str, Any], changed: Sequence[str], held_out: Sequence[str]
) -> Path:
    folder = HERE / record["name"]
    folder.mkdir(exist_ok=True)
    stem = "-".join([*changed, *held_out, f"seed{record['seed']}"])
    target = folder / (re.sub(r"[^\w.=,+-]+", "_", stem) + ".json")
    whole: dict[str, Any] = {"run": record, "evaluations": evaluations}
    if changed or held_out:
        whole |= {"changed": " ".join(changed), "held_out": " ".join(held_out)}
    target.write_text(json.dumps(whole, indent=1) + "\n")
    return target


def told_apart(command: str) -> tuple[list[str], list[str]]:
    """What a training command changed of its experiment, and what it held out of the data."""
    overrides = [part.lstrip("+~") for part in shlex.split(command)[2:]]
    keys = {override: override.partition("=")[0] for override in overrides}
    held_out = [override for override in overrides if keys[override] in HELD_OUT]
    own = [o for o in overrides if not any(keys[o] == key or keys[o].startswith(f"{key}.") for key in INCIDENTAL)]
    return [override for override in own if override not in held_out], held_out


def _short(evaluation: dict[str, Any]) -> dict[str, Any]:
    """An evaluation without what belongs to single pictures or classes."""
    if evaluation.get("schema") != SCHEMA:
        sys.exit(
            f"{evaluation.get('checkpoints')}: the evaluation is not of schema {SCHEMA}; run `seqvision evaluate` again"
        )
    left_out = ("per_item", "items", "predictions", "classes", "per_class")
    return {key: value for key, value in evaluation.items() if key not in left_out}


def load() -> dict[str, list[dict[str, Any]]]:
    """All records by experiment and what was changed of it (`sst2`, `sst2 rnn=lstm`), in the order of their seeds."""
    found = defaultdict(list)
    for file in sorted(HERE.glob("*/*seed*.json")):
        record = json.loads(file.read_text())
        found[f"{file.parent.name} {record.get('changed', '')}".strip()].append(record)
    return dict(sorted(found.items()))
