"""The scores of an evaluation as text for people, as JSON and as a table of comma-separated values."""

import argparse
import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from seqvision.cli.improve import improvements
from seqvision.wording import counted

if TYPE_CHECKING:
    from seqvision.cli.patterns import Pattern
    from seqvision.cli.record import Evaluation
    from seqvision.inference import LoadedModel

COLUMNS = {
    "most_frequent": "most frequent",
    "nearest_neighbour": "nearest",
    "forward": "forward alone",
    "backward": "backward alone",
    "majority": "majority",
    "random_looks": "random looks",
    "one_look": "one look",
    "without_recurrence": "no recurrence",
    "argmax": "argmax",
    "moving_average": "moving average",
    "score_path": "path",
    "window": "window",
    "copied": "copied",
    "mean_picture": "mean picture",
    "shuffled": "shuffled",
    "references": "references",
    "mean_member": "the mean member",
}


def _text(
    evaluations: "Sequence[Evaluation]",
    records: list[dict[str, Any]],
    pattern: "Pattern",
    given: argparse.Namespace,
) -> str:
    parts = []
    for evaluation, record in zip(evaluations, records, strict=True):
        what = " and ".join(record["checkpoints"]) or "predictions"
        parts.append(f"{what} on {evaluation.split}: {size_of(record)}\n")
        parts.append(columns(*table_cells(record)))
        parts += [difference_line(other, found, record) for other, found in record["differences"].items()]
        parts += [f"protocol: {record['protocol']}"] if record["protocol"] else []
        if given.per_class:
            parts.append("\n" + columns(*class_cells(record)) + "\n")
        parts += [f"{name}: {signature}" for name, signature in record["signatures"].items()]
        parts += warnings_of(record, pattern.models)
        parts += [f"note: {note}" for note in evaluation.notes]
        parts.append("")
    return "\n".join(parts).rstrip()


def warnings_of(record: dict[str, Any], models: "Sequence[LoadedModel]") -> list[str]:
    """Lines where nearly all predictions are the same, or a baseline is not beaten; with what to try next where one
    model made them.
    """
    from seqvision.inference.run_folder import read_record
    from seqvision.inference.verdict import verdict

    said = [sentence for sentence in (record["collapse"], verdict(record)) if sentence]
    if said and len(models) == 1:
        (model,) = models
        said += ["What to try next:"]
        said += [f"  {line}" for line in improvements(model.config, read_record(model.path.parent), record)]
    return said


def size_of(record: dict[str, Any]) -> str:
    """How much was scored: `12 pictures`."""
    return ", ".join(counted(number, name.removesuffix("s"), plural=name) for name, number in record["sizes"].items())


def columns(head: list[str], rows: list[list[str]]) -> str:
    """A table as lines and columns for people."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in [head, *rows])
    ]
    return "\n".join(f"  {line.rstrip()}" for line in lines)


def table_cells(record: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(head, rows) of a record's scores: the model's, the ends of its interval if there are any, and the
    controls'."""
    from seqvision.inference.evaluation_data import score_text

    shown = [name for name in COLUMNS if name in record["controls"]]
    between = ["95 % interval"] if record["intervals"] else []  # none with --bootstrap 0
    head = ["", "model", *between, *(COLUMNS[name] for name in shown)]
    rows = []
    for name, value in record["scores"].items():
        ends = record["intervals"].get(name)
        interval = [f"{score_text(name, ends[0])} to {score_text(name, ends[1])}" if ends else ""] if between else []
        others = [record["controls"][control].get(name) for control in shown]
        rows.append([name, score_text(name, value), *interval, *(score_text(name, other) for other in others)])
    return head, rows


def class_cells(record: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(head, rows) of a record's scores class by class."""
    values = record["per_class"]
    digits = {"support": 0, "segments": 0, "threshold": 2}  # numbers, a probability; all else is percent

    def cell(score: str, place: int) -> str:
        value = values[score][place]
        return "–" if value is None else f"{value:.{digits.get(score, 1)}f}"

    return ["", *values], [
        [name, *(cell(score, row) for score in values)] for row, name in enumerate(record["classes"])
    ]


def difference_line(other: str, found: dict[str, Any], record: dict[str, Any]) -> str:
    """How much better the model is than another, score by score; of a painter, how many nats it needs fewer."""
    better = "fewer than" if record["pattern"] == "painting" else "above"
    from seqvision.inference.evaluation_data import difference_text

    said = [f"{name} {difference_text(each)}" for name, each in found.items()]
    return f"{better} {COLUMNS.get(other, other)}: {', '.join(said)}" if said else ""


def _json(_: "Sequence[Evaluation]", records: list[dict[str, Any]], *__: Any) -> str:
    return json.dumps(records[0] if len(records) == 1 else records, indent=2)


def _csv(evaluations: "Sequence[Evaluation]", _: list[dict[str, Any]], *__: Any) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    there = {name for evaluation in evaluations for name in evaluation.controls}
    controls = [name for name in COLUMNS if name in there or name in _OF_CAPTIONS]
    writer.writerow(["split", "score", "model", "lower", "upper", *controls])
    for evaluation in evaluations:
        for name, value in evaluation.scores.items():
            lower, upper = evaluation.intervals.get(name, ("", ""))
            others = [evaluation.controls.get(control, {}).get(name, "") for control in controls]
            writer.writerow([evaluation.split, name, value, lower, upper, *others])
    return file.getvalue()


_OF_CAPTIONS = ("most_frequent", "nearest_neighbour", "shuffled", "references")
FORMATS: dict[str, Callable[..., str]] = {"text": _text, "json": _json, "csv": _csv}
