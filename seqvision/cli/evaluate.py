"""`seqvision evaluate`: what a model's predictions are worth, beside those of methods that hardly look."""

import argparse
import csv
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from seqvision.cli.options import add_checkpoint_options, add_decoding_options, parser, typed
from seqvision.cli.output import expect_writable, open_output, write_output
from seqvision.errors import UserError
from seqvision.wording import counted

if TYPE_CHECKING:
    from seqvision.cli.patterns import Pattern
    from seqvision.cli.record import Evaluation

DESCRIPTION = """Scores of a model's predictions for a split, with intervals, beside controls.

  seqvision evaluate --checkpoint runs/captioner/2026-01-31_12-00-00
  seqvision evaluate --checkpoint best.ckpt --split test,combinations --beam-size 5
  seqvision evaluate --checkpoint best.ckpt --data files path=other_pictures
  seqvision evaluate --predictions captions.jsonl --data files path=my_pictures
  seqvision evaluate --checkpoint runs/labeller/2026-01-31_12-00-00 --protocol lea --background background
  seqvision evaluate --checkpoint runs/lstm --against runs/elman
  seqvision evaluate --checkpoint runs/forward --backward runs/backward
  seqvision evaluate --checkpoint runs/seed0 --checkpoint runs/seed1 --checkpoint runs/seed2
  seqvision evaluate --checkpoint runs/lstm --inference mc_dropout --samples 50

The controls of captions: the most frequent training caption for every picture; the caption of the nearest training
picture in the model's own features; the model's own captions of other pictures (shuffled). Of translations: the
sentence itself, the nearest training sentence's. Of classes: their shares in training; logistic regression without a
recurrence. Of labels: the commonest; the features' own scores, smoothed; a window of frames. Of painted pictures,
in nats, of which less is better: the mean picture. A good model beats them.
Several checkpoints make an ensemble, whose probabilities are averaged; `spread` says how far the members lie apart,
and classes, labels and what is read are set beside the mean of the members' scores. RUN:snapshots are all snapshots.
evaluation_SPLIT.json in the run's folder keeps the scores with the command, the commit and the machine; those of
ensembles, of other inference, of predictions and of other data are only written where --output says."""

DRAWN = ("mc_dropout", "dropconnect_gaussian")  # of `seqvision.inference.members`, what takes samples

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


def main(arguments: list[str]) -> int:
    """0 when all is scored, 1 if the scores could not be kept in the run's folder."""
    given = parse(arguments)

    from pytorch_lightning import seed_everything

    from seqvision.cli.patterns import PATTERNS, pattern_at
    from seqvision.cli.record import evaluation_record, save_record, stands_for_run
    from seqvision.cli.stored_data import split_records, splits_of, stored_data

    begun = time.time()
    expect_writable(given.output, given.save_predictions)
    name = pattern_at(given.checkpoint[0]) if given.checkpoint else "captioning"
    _refuse_others(given, name, PATTERNS[name])
    pattern = PATTERNS[name](given)
    data = stored_data(pattern.config, given.data, trust=given.trust)
    splits = splits_of(data)
    wanted = {split: split_records(splits, split) for split in given.split.split(",")}
    evaluations, entries = [], []
    seed_everything(given.seed or 0, verbose=False)  # what dropout draws, if it is left on
    for split, records in wanted.items():
        predictions = pattern.predict(records, splits)
        evaluations.append(pattern.evaluate(predictions, records, split=split, splits=splits, data=data))
        entries.append(
            evaluation_record(
                evaluations[-1],
                pattern.models,
                decoding=pattern.decoding,
                command=typed("evaluate", arguments),
                seconds=time.time() - begun,
            )
        )
    if given.save_predictions:
        _save_predictions(given.save_predictions, pattern, evaluations)
    write_output(given.output, _FORMATS[given.format](evaluations, entries, pattern, given))
    if len(pattern.models) != 1 or given.predictions or given.data or given.inference:
        return 0  # not this run's own scores on its own data
    (model,) = pattern.models
    if not stands_for_run(model):
        kept = "only written there" if given.output else "not kept (--output FILE keeps them)"
        print(
            f"seqvision: the run's scores are those of best.ckpt; these of {model.path.name} are {kept}",
            file=sys.stderr,
        )
        return 0
    try:
        for entry in entries:
            save_record(model.path.parent, entry)
    except UserError as error:
        print(f"seqvision: the scores were not kept with the run: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options, with what was `touched` of them."""
    options = parser("evaluate", DESCRIPTION)
    options.add_argument("--split", default="test", help="a split, several with commas, or all (default test)")
    options.add_argument("--predictions", metavar="FILE", help="score these captions (JSON lines or CSV) instead")
    options.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="FILE",
        help="another checkpoint: how much better is this one on the same items (not of captions)",
    )
    options.add_argument(
        "--backward",
        metavar="FILE",
        help="of readers of strings: one of the opposite direction, whose scores are averaged with this one's",
    )
    options.add_argument(
        "--protocol", choices=("mstcn", "lea"), help="how segments of labels are counted (default: as in training)"
    )
    options.add_argument(
        "--background",
        type=lambda text: text.split(","),
        metavar="LABELS",
        help='labels that segment scores leave out, with commas, "" for none (default: as in training)',
    )
    options.add_argument(
        "--importance",
        type=int,
        default=0,
        metavar="K",
        help="of painters: the likelihood itself, by K importance-weighted draws a picture",
    )
    options.add_argument(
        "--inference",
        choices=(*DRAWN, "ten_crop", "ten_crop_five_scales"),
        help="the mean of several answers: with its noise left on, or of views of a picture (not of painters)",
    )
    options.add_argument("--samples", type=int, metavar="N", help="of mc_dropout and dropconnect_gaussian (default 20)")
    options.add_argument("--per-class", action="store_true", help="the scores of each class as well")
    options.add_argument(
        "--data",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="other data than the checkpoint's: path=FOLDER, or files path=FOLDER layout=csv …",
    )
    options.add_argument("--format", choices=tuple(_FORMATS), default="text", help="of the scores (default text)")
    options.add_argument("--output", metavar="FILE", help="write the scores there instead of to standard output")
    options.add_argument("--save-predictions", metavar="FILE", help="the predictions, as JSON lines")
    options.add_argument("--bootstrap", type=int, default=2000, metavar="N", help="resamples; 0: no intervals")
    options.add_argument("--no-controls", action="store_true", help="leave the controls out that need training data")
    options.add_argument("--cache", default="cache", metavar="FOLDER", help="keeps features for the controls, or none")
    add_checkpoint_options(options, required=False)
    before = set(vars(options.parse_args([])))
    add_decoding_options(options, texts="captions or translations", of="picture or sentence")
    given = options.parse_args(arguments)
    untouched = vars(options.parse_args([]))
    given.touched = {name for name, value in vars(given).items() if value != untouched[name]}
    given.decoding_options = set(untouched) - before - {"seed"}
    if not given.checkpoint and not given.predictions:
        raise UserError("evaluate: nothing to score; give a --checkpoint, or --predictions and --data")
    if given.samples is not None and (given.samples < 1 or given.inference not in DRAWN):
        raise UserError(f"--samples {given.samples}: expected 1 or more, with --inference {' or '.join(DRAWN)}")
    given.samples = given.samples or 20
    if given.importance < 0:
        raise UserError(f"--importance {given.importance}: expected a number of draws, 0 for none")
    if given.bootstrap < 0:
        raise UserError(f"--bootstrap {given.bootstrap}: expected a number of resamples, 0 for none")
    return given


def _refuse_others(given: argparse.Namespace, name: str, kind: "type[Pattern]") -> None:
    """A UserError for options that mean nothing to the pattern."""
    meant = {
        "decoding": (given.decoding_options, "only models that write words are decoded"),
        "predictions": ({"predictions"}, "only captions are scored from a file"),
        "against": ({"against"}, "all but captions are compared in this way"),
        "backward": ({"backward"}, "only strings are read from both ends"),
        "protocol": ({"protocol", "background"}, "only labels of frames have segments to count"),
        "inference": ({"inference", "samples"}, "only what sees or writes has several ways to do so"),
        "importance": ({"importance"}, "only painters have a likelihood to estimate"),
        "per class": ({"per_class"}, "only classes and labels have scores of each class"),
    }
    for what, (options, reason) in meant.items():
        found = sorted(given.touched & options)
        if found and what not in kind.own_options:
            option = f"--{found[0].replace('_', '-')}"
            raise UserError(f"{option}: {reason}, and {given.checkpoint[0]} is a model for {name}; leave it out")
    if len(given.checkpoint or ()) > 1 and "ensemble" not in kind.own_options:
        raise UserError(f"--checkpoint: {len(given.checkpoint)} models, expected one for {name}; see also --against")


def _save_predictions(path: str, pattern: "Pattern", evaluations: "Sequence[Evaluation]") -> None:
    with open_output(path) as file:
        for evaluation in evaluations:
            for entry in pattern.rows(evaluation):
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")


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
        parts += [difference_line(other, found, record) for other, found in record.get("differences", {}).items()]
        parts += [f"protocol: {record['protocol']}"] if record.get("protocol") else []
        if given.per_class:
            parts.append("\n" + columns(*class_cells(record)) + "\n")
        parts += [f"{name}: {signature}" for name, signature in record.get("signatures", {}).items()]
        parts += [record["collapse"]] if record.get("collapse") else []
        parts += [f"note: {note}" for note in evaluation.notes]
        parts.append("")
    return "\n".join(parts).rstrip()


def size_of(record: dict[str, Any]) -> str:
    """How much was scored: `12 pictures`."""
    sizes = record.get("sizes") or {name: record[name] for name in ("pictures", "sentences") if name in record}
    return ", ".join(counted(number, name.removesuffix("s"), plural=name) for name, number in sizes.items())


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
    digits = digits_of(record)
    shown = [name for name in COLUMNS if name in record["controls"]]
    between = ["95 % interval"] if record["intervals"] else []  # none with --bootstrap 0
    head = ["", "model", *between, *(COLUMNS[name] for name in shown)]
    rows = []
    for name, value in record["scores"].items():
        ends = record["intervals"].get(name)
        interval = [f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}" if ends else ""] if between else []
        others = [record["controls"][control].get(name) for control in shown]
        cells = ("" if other is None else f"{other:.{digits}f}" for other in others)
        rows.append([name, f"{value:.{digits}f}", *interval, *cells])
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


def digits_of(record: dict[str, Any]) -> int:
    """Behind the point: scores of captions are shares, all others percent."""
    return 3 if "pictures" in record else 2


def difference_line(other: str, found: dict[str, Any], record: dict[str, Any]) -> str:
    """How much better the model is than another, score by score; of a painter, how many nats it needs fewer."""
    better = "fewer than" if record.get("pattern") == "painting" else "above"
    said = [
        f"{name} {each['difference']:+.1f} ({each['interval'][0]:+.1f} to {each['interval'][1]:+.1f})"
        for name, each in found.items()
    ]
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
_FORMATS: dict[str, Callable[..., str]] = {"text": _text, "json": _json, "csv": _csv}
