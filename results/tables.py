"""Keeps the records of runs in results/ and writes the README's tables from them.

python results/tables.py add RUN …     copies the records of runs (run.json, evaluation_*.json)
python results/tables.py               writes the tables between the README's marks
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
CONTROLS = {
    "nearest_neighbour": "nearest training picture",
    "most_frequent": "commonest caption",
    "shuffled": "shuffled pictures",
}


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


def table(
    records: dict[str, list[dict[str, Any]]], title: str, experiments: list[str], columns: dict[str, tuple[str, str]]
) -> str:
    """A table with a row an experiment and a row a control; columns are title -> (split, metric)."""
    lines = [f"| {title} | {' | '.join(columns)} | training |", "|---" * (len(columns) + 2) + "|"]
    present = [name for name in experiments if name in records]
    for name in present:
        runs = records[name]
        cells = [spread([run["evaluations"][s]["scores"][m] for run in runs]) for s, m in columns.values()]
        minutes = statistics.mean(run["run"]["seconds"]["training"] for run in runs) / 60
        seeds = f"{len(runs)} seeds" if len(runs) > 1 else "1 seed"
        lines.append(f"| `{name}` ({seeds}) | {' | '.join(cells)} | {minutes:.1f} min |")
    if present:
        first = records[present[0]][0]["evaluations"]
        for key, name in CONTROLS.items():
            values = [first[split]["controls"].get(key, {}).get(metric) for split, metric in columns.values()]
            if any(value is not None for value in values):
                cells = ["–" if value is None else f"{value:.3f}" for value in values]
                lines.append(f"| control: {name} | {' | '.join(cells)} | |")
    return "\n".join(lines)


def tables() -> dict[str, str]:
    """The README's tables by the name of their mark."""
    records = load()
    return {
        "emoji": table(
            records,
            "emoji drawings to names, test",
            [f"emoji_{cell}" for cell in ("layernorm_elman", "elman", "lstm", "gru")],
            {
                "CIDEr-D": ("test", "cider_d"),
                "BLEU-4": ("test", "bleu_4"),
                "exact": ("test", "exact_match"),
                "CIDEr-D, val": ("val", "cider_d"),
            },
        ),
        "scenes": table(
            records,
            "drawn scenes",
            ["caption_scenes", "demo"],
            {
                "true": ("test", "true"),
                "facts over references'": ("test", "facts_ratio"),
                "true, new combinations": ("combinations", "true"),
                "CIDEr-D": ("test", "cider_d"),
            },
        ),
    }


def main(arguments: list[str]) -> None:
    """Adds records, or writes the tables into the README."""
    if arguments[:1] == ["add"]:
        for run in arguments[1:]:
            print(add(Path(run)))
        return
    write_between_marks(README, tables())


def write_between_marks(page: Path, contents: dict[str, str]) -> None:
    """Puts each content between its marks in the page, in place of what stands there."""
    text = page.read_text()
    for name, content in contents.items():
        begin, end = f"<!-- table:{name} -->", "<!-- end -->"
        before, mark, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not mark or not closed:
            sys.exit(f"{page.name}: no marks {begin} … {end}")
        text = f"{before}{begin}\n{content}\n{end}{after}"
    page.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
