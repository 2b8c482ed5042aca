"""`seqvision evaluate`: what a model's captions are worth, beside those of captioners that hardly look."""

import argparse
import csv
import io
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvision.cli.options import (
    add_checkpoint_options,
    add_decoding_options,
    decoder_of,
    load_captioners,
    parser,
    typed,
)
from seqvision.cli.output import open_output, write_output
from seqvision.errors import UserError

if TYPE_CHECKING:
    from seqvision.data import CaptionRecord
    from seqvision.decoding import Search
    from seqvision.inference import LoadedCaptioner
    from seqvision.inference.evaluation import Evaluation

DESCRIPTION = """Scores of a model's captions of a split, with intervals, beside controls.

  seqvision evaluate --checkpoint runs/captioner/2026-01-31_12-00-00
  seqvision evaluate --checkpoint best.ckpt --split test,combinations --beam-size 5
  seqvision evaluate --checkpoint best.ckpt --data files path=other_pictures
  seqvision evaluate --predictions captions.jsonl --data files path=my_pictures

The controls: the most frequent training caption for every picture; the caption of the nearest training picture in
the model's own features; the model's own captions of other pictures (shuffled). A model that looks beats them all.
evaluation_SPLIT.json in the run's folder keeps the scores with the command, the commit and the machine; those of
ensembles, predictions and other data are only written where --output says."""

COLUMNS = {
    "most_frequent": "most frequent",
    "nearest_neighbour": "nearest",
    "shuffled": "shuffled",
    "references": "references",
}


def main(arguments: list[str]) -> int:
    """0 when all is scored, 1 if the scores could not be kept in the run's folder."""
    given = _parse(arguments)

    from seqvision.cli.record import evaluation_record, save_record
    from seqvision.cli.stored_data import scenes_of, split_records, splits_of, stored_data
    from seqvision.inference.evaluation import evaluate_split
    from seqvision.inference.predictions import match_predictions, read_predictions

    begun = time.time()
    captioners = load_captioners(given) if given.checkpoint else []
    data = stored_data(captioners[0].config if captioners else None, given.data, trust=given.trust)
    splits, scenes = splits_of(data), scenes_of(data)
    wanted = {name: split_records(splits, name) for name in given.split.split(",")}
    predictions = read_predictions(given.predictions) if given.predictions else None
    decoder = decoder_of(given, captioners[0].config) if captioners and predictions is None else None
    evaluations, entries = [], []
    for name, records in wanted.items():
        if predictions is None:
            captions = _caption(captioners, records, decoder, given)
        else:
            everything = [record for some in splits.values() for record in some]
            captions = match_predictions(predictions, everything, records, source=given.predictions)
        evaluations.append(
            evaluate_split(
                captions,
                records,
                split=name,
                training=[] if given.no_controls else splits.get("train", []),
                captioner=captioners[0] if captioners else None,
                cache=None if given.cache == "none" else Path(given.cache),
                scenes=scenes,
                resamples=given.bootstrap,
                seed=given.seed or 0,
            )
        )
        entries.append(
            evaluation_record(
                evaluations[-1],
                captioners,
                decoding=str(decoder) if decoder else None,
                command=typed("evaluate", arguments),
                seconds=time.time() - begun,
            )
        )
    if given.save_predictions:
        _save_predictions(given.save_predictions, evaluations)
    write_output(given.output, _FORMATS[given.format](evaluations, entries))
    if len(captioners) != 1 or predictions is not None or given.data:
        return 0  # not this run's own scores on its own data
    try:
        for entry in entries:
            save_record(captioners[0].path.parent, entry)
    except UserError as error:
        print(f"seqvision: the scores were not kept with the run: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    options = parser("evaluate", DESCRIPTION)
    options.add_argument("--split", default="test", help="a split, several with commas, or all (default test)")
    options.add_argument("--predictions", metavar="FILE", help="score these captions (JSON lines or CSV) instead")
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
    options.add_argument("--save-predictions", metavar="FILE", help="the captions with their scores, as JSON lines")
    options.add_argument("--bootstrap", type=int, default=2000, metavar="N", help="resamples; 0: no intervals")
    options.add_argument("--no-controls", action="store_true", help="leave the controls out that need training data")
    options.add_argument("--cache", default="cache", metavar="FOLDER", help="keeps features for the controls, or none")
    add_checkpoint_options(options, required=False)
    add_decoding_options(options)
    given = options.parse_args(arguments)
    if not given.checkpoint and not given.predictions:
        raise UserError("evaluate: nothing to score; give a --checkpoint, or --predictions and --data")
    if given.bootstrap < 0:
        raise UserError(f"--bootstrap {given.bootstrap}: expected a number of resamples, 0 for none")
    return given


def _caption(
    captioners: "list[LoadedCaptioner]",
    records: "list[CaptionRecord]",
    decoder: "Search | None",
    given: argparse.Namespace,
) -> list[str]:
    """The models' captions of the records; a picture that cannot be read ends it, for the scores would be others'."""
    from seqvision.data.progress import tracked
    from seqvision.inference import caption_pictures

    captions = caption_pictures(
        captioners,
        [record.image for record in records],
        decoder,
        batch_size=given.batch_size,
        forbid=given.forbid,
        require=given.require,
    )
    return [picture.text for picture in tracked(captions, total=len(records), description="Captioning")]


def _save_predictions(path: str, evaluations: "list[Evaluation]") -> None:
    with open_output(path) as file:
        for evaluation in evaluations:
            for row, id in enumerate(evaluation.ids):
                entry = {
                    "id": id,
                    "caption": evaluation.captions[row],
                    "references": evaluation.references[row],
                    "scores": {name: values[row] for name, values in evaluation.per_item.items()},
                }
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _text(evaluations: "list[Evaluation]", records: list[dict[str, Any]]) -> str:
    parts = []
    for evaluation, record in zip(evaluations, records, strict=True):
        what = " and ".join(record["checkpoints"]) or "predictions"
        parts.append(f"{what} on {evaluation.split}: {len(evaluation.ids)} pictures\n")
        parts.append(score_table(evaluation))
        parts += [evaluation.collapse] if evaluation.collapse else []
        parts += [f"note: {note}" for note in evaluation.notes]
        parts.append("")
    return "\n".join(parts).rstrip()


def score_table(evaluation: "Evaluation") -> str:
    """The scores as lines and columns for people."""
    head, rows = table_cells(evaluation.to_dict())
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in [head, *rows])
    ]
    return "\n".join(f"  {line.rstrip()}" for line in lines)


def table_cells(record: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(head, rows) of a record's scores: the model's, the ends of its interval, and the controls'."""
    shown = [name for name in COLUMNS if name in record["controls"]]
    head = ["", "model", "95 % interval", *(COLUMNS[name] for name in shown)]
    rows = []
    for name, value in record["scores"].items():
        ends = record["intervals"].get(name)
        interval = f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""
        others = [record["controls"][control].get(name) for control in shown]
        rows.append([name, f"{value:.3f}", interval, *("" if other is None else f"{other:.3f}" for other in others)])
    return head, rows


def _json(_: "list[Evaluation]", records: list[dict[str, Any]]) -> str:
    return json.dumps(records[0] if len(records) == 1 else records, indent=2)


def _csv(evaluations: "list[Evaluation]", _: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["split", "score", "model", "lower", "upper", *COLUMNS])
    for evaluation in evaluations:
        for name, value in evaluation.scores.items():
            lower, upper = evaluation.intervals.get(name, ("", ""))
            others = [evaluation.controls.get(control, {}).get(name, "") for control in COLUMNS]
            writer.writerow([evaluation.split, name, value, lower, upper, *others])
    return file.getvalue()


_FORMATS = {"text": _text, "json": _json, "csv": _csv}
