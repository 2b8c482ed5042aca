"""`seqvision report`: one page about a run, to look at and to send to somebody."""

import time
from pathlib import Path

from seqvision.cli.options import load_captioners, parser, typed
from seqvision.cli.output import open_output
from seqvision.errors import UserError

DESCRIPTION = """One self-contained HTML page of a run: scores beside their controls, curves, best and worst captions
with their pictures, where the model looked, the configuration.

  seqvision report runs/captioner/2026-01-31_12-00-00
  seqvision report runs/captioner/2026-01-31_12-00-00 --split combinations --output page.html

Scores come from the run's evaluation_SPLIT.json (`seqvision evaluate` writes them); where there is none yet, the
validation split is evaluated first."""


def main(arguments: list[str]) -> int:
    """0 when the page is written."""
    options = parser("report", DESCRIPTION)
    options.add_argument("run", help="the run's folder")
    options.add_argument("--output", metavar="FILE", help="default: report.html in the run's folder")
    options.add_argument("--split", help="whose pictures are shown (default: that of the first evaluation, else val)")
    options.add_argument("--examples", type=int, default=8, metavar="N", help="best and worst captions (default 8)")
    options.add_argument(
        "--limit", type=int, default=1000, metavar="N", help="pictures to look for them (default 1000)"
    )
    options.add_argument("--data", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="as in evaluate")
    options.add_argument("--cache", default="cache", metavar="FOLDER", help="as in evaluate")
    options.add_argument("--device", default="auto", help="cpu, cuda, …; auto takes a GPU where there is one")
    options.add_argument("--batch-size", type=int, default=32, metavar="N")
    options.add_argument("--trust", action="append", default=[], metavar="MODULE", help="as in caption")
    given = options.parse_args(arguments)
    run = Path(given.run)
    if not run.is_dir():
        raise UserError(f"{run}: no such run's folder; runs lie under runs/, e.g. runs/captioner/2026-01-31_12-00-00")
    if given.limit < 2 or given.examples < 1 or given.batch_size < 1:
        raise UserError("report: --limit is 2 or more, --examples and --batch-size 1 or more")

    from seqvision.cli.record import evaluation_record, save_record
    from seqvision.cli.stored_data import scenes_of, split_records, splits_of, stored_data
    from seqvision.data.progress import tracked
    from seqvision.inference import caption_pictures, trained_decoder
    from seqvision.inference.evaluation import evaluate_split
    from seqvision.inference.report import Shown, write_report
    from seqvision.inference.run_folder import read_curves, read_evaluations, read_record

    begun = time.time()
    given.checkpoint = [str(run)]
    (captioner,) = load_captioners(given)
    evaluations = read_evaluations(run)
    data = stored_data(captioner.config, given.data, trust=given.trust)
    splits, scenes = splits_of(data), scenes_of(data)
    split = given.split or (evaluations[0]["split"] if evaluations else "val")
    records = split_records(splits, split)
    every = -(-len(records) // given.limit)
    chosen = records[::every]
    decoder = trained_decoder(captioner.config)
    captions = caption_pictures(captioner, [r.image for r in chosen], decoder, batch_size=given.batch_size)
    pictures = list(tracked(captions, total=len(chosen), description="Captioning"))
    if not evaluations:
        if every > 1:
            captions = caption_pictures(captioner, [r.image for r in records], decoder, batch_size=given.batch_size)
            texts = [p.text for p in tracked(captions, total=len(records), description="Captioning all")]
        else:
            texts = [picture.text for picture in pictures]
        evaluation = evaluate_split(
            texts,
            records,
            split=split,
            training=splits.get("train", []),
            captioner=captioner,
            cache=None if given.cache == "none" else Path(given.cache),
            scenes=scenes,
        )
        command, seconds = typed("report", arguments), time.time() - begun
        entry = evaluation_record(evaluation, [captioner], decoding=str(decoder), command=command, seconds=seconds)
        save_record(run, entry)
        evaluations = [entry]
    known = scenes is not None and all(record.id in scenes for record in chosen)
    shown = Shown(
        split=split,
        pictures=pictures,
        records=chosen,
        scenes=[scenes[record.id] for record in chosen] if scenes is not None and known else None,
        total=len(records),
    )
    output = given.output or run / "report.html"
    with open_output(output) as file:
        write_report(
            file,
            captioner,
            curves=read_curves(run),
            record=read_record(run),
            evaluations=evaluations,
            shown=shown,
            examples=given.examples,
        )
    print(output)
    return 0
