"""Keeps the records of runs in results/ and writes the README's tables from them.

    python results/tables.py add RUN …     copies the records of runs (run.json, evaluation_*.json)
    python results/tables.py               writes the tables between the README's marks
"""

import json
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
CONTROLS = {"nearest_neighbour": "nearest neighbour", "most_frequent": "commonest caption", "shuffled": "shuffled pictures"}


def add(run: Path) -> Path:
    """The file in results/ that holds the records of a run."""
    record = json.loads((run / "run.json").read_text())
    evaluations = {
        file.stem.removeprefix("evaluation_"): _short(json.loads(file.read_text()))
        for file in sorted(run.glob("evaluation_*.json"))
    }
    if not evaluations:
        sys.exit(f"{run}: no evaluation_*.json; run `seqvision evaluate --checkpoint {run}` first")
    folder = HERE / record["name"]
    folder.mkdir(exist_ok=True)
    target = folder / f"seed{record['seed']}.json"
    target.write_text(json.dumps({"run": record, "evaluations": evaluations}, indent=1) + "\n")
    return target


def _short(evaluation: dict[str, Any]) -> dict[str, Any]:
    """An evaluation without what belongs to single pictures."""
    return {key: value for key, value in evaluation.items() if key not in ("per_item", "items", "predictions")}


def load() -> dict[str, list[dict[str, Any]]]:
    """All records by experiment, in the order of their seeds."""
    found = defaultdict(list)
    for file in sorted(HERE.glob("*/seed*.json")):
        found[file.parent.name].append(json.loads(file.read_text()))
    return dict(found)


def spread(values: list[float], digits: int = 3) -> str:
    """Mean and, of several, the standard deviation: `3.81 ± 0.04`."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def caption_table(records: dict[str, list[dict[str, Any]]], names: list[str], split: str) -> str:
    """CIDEr-D, BLEU-4 and exact captions of experiments on one split, beside their controls."""
    lines = ["| experiment | CIDEr-D | BLEU-4 | exact | time a run |", "|---|---|---|---|---|"]
    for name in names:
        runs = records[name]
        scores = [run["evaluations"][split]["scores"]["model"] for run in runs]
        minutes = statistics.mean(run["run"]["seconds"]["training"] for run in runs) / 60
        cells = [spread([s[key] for s in scores]) for key in ("cider_d", "bleu_4", "exact_match")]
        lines.append(f"| `{name}` ({len(runs)} seeds) | {' | '.join(cells)} | {minutes:.1f} min |")
    first = records[names[0]][0]["evaluations"][split]["scores"]
    for key, title in CONTROLS.items():
        if key in first:
            cells = [f"{first[key][metric]:.3f}" for metric in ("cider_d", "bleu_4", "exact_match")]
            lines.append(f"| control: {title} | {' | '.join(cells)} | |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Adds records or writes the tables."""
    if arguments[:1] == ["add"]:
        for run in arguments[1:]:
            print(add(Path(run)))
        return
    print(json.dumps({name: len(runs) for name, runs in load().items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
