"""`seqvision report`: one page about a run, to look at and to send to somebody."""

import argparse
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from seqvision.cli.options import add_trust_options, parser, typed
from seqvision.cli.output import open_output
from seqvision.errors import UserError
from seqvision.files import expect_writable

if TYPE_CHECKING:
    from seqvision.cli.patterns import Pattern

DESCRIPTION = """One self-contained HTML page of a run: scores beside their controls, curves, the configuration, and
what there is to see: best and worst captions with their pictures and where the model looked; confusions, calibration,
the surest mistakes of a classifier; timelines of best, median and worst recordings; translations with their alignment.

  seqvision report runs/captioner/2026-01-31_12-00-00
  seqvision report runs/captioner/2026-01-31_12-00-00 --split combinations --output page.html
  seqvision report runs/captioner/a_sweep                a sweep's folder (seqvision train sweep=…)
  seqvision report runs/a_random_search runs/a_grid      two searches, at equal numbers of trials

Scores come from the run's evaluation_SPLIT.json (`seqvision evaluate` writes them); where there is none yet, the
validation split is evaluated first."""


def main(arguments: list[str]) -> int:
    """0 when the page is written."""
    options = parser("report", DESCRIPTION)
    options.add_argument("run", nargs="+", help="the run's folder, a sweep's, or several sweeps' to compare")
    options.add_argument("--output", metavar="FILE", help="default: report.html in the run's folder")
    options.add_argument("--split", help="whose items are shown (default: that of the first evaluation, else val)")
    options.add_argument("--examples", type=int, default=8, metavar="N", help="best and worst of them (default 8)")
    options.add_argument(
        "--limit", type=int, metavar="N", help="items to look for them (default 1000 of captions and translations)"
    )
    options.add_argument("--data", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="as in evaluate")
    options.add_argument("--cache", default="cache", metavar="FOLDER", help="as in evaluate")
    options.add_argument("--device", default="auto", help="cpu, cuda, …; auto takes a GPU where there is one")
    options.add_argument("--batch-size", type=int, default=32, metavar="N")
    add_trust_options(options)
    given = options.parse_args(arguments)
    folders = [Path(each) for each in given.run]
    if any((folder / "sweep.json").is_file() for folder in folders):
        from seqvision.cli.sweep_report import report_sweeps

        print(report_sweeps(folders, given.output))
        return 0
    if len(folders) > 1:
        raise UserError(f"{' '.join(given.run)}: several runs; a page is about one, or about several sweeps")
    (run,) = folders
    if not run.is_dir():
        raise UserError(f"{run}: no such run's folder; runs lie under runs/, e.g. runs/captioner/2026-01-31_12-00-00")
    if (given.limit is not None and given.limit < 2) or given.examples < 1 or given.batch_size < 1:
        raise UserError("report: --limit is 2 or more, --examples and --batch-size 1 or more")
    expect_writable(given.output)

    from seqvision.cli.evaluate import parse
    from seqvision.cli.improve import improvements
    from seqvision.cli.patterns import PATTERNS, pattern_at
    from seqvision.inference.report import write_report
    from seqvision.inference.run_folder import read_curves, read_evaluations, read_record

    as_evaluated = parse(["--checkpoint", str(run), "--device", given.device, "--cache", given.cache])
    as_evaluated.batch_size, as_evaluated.trust = given.batch_size, given.trust
    as_evaluated.allow_nonfinite = given.allow_nonfinite
    pattern = PATTERNS[pattern_at(str(run))](as_evaluated)
    (model,) = pattern.models
    evaluations, stale = read_evaluations(run, model.digest)
    for path in stale:
        print(
            f"seqvision: ignoring {path}: it was computed with a different checkpoint or by an older version",
            file=sys.stderr,
        )
    try:
        own, evaluations = _items(pattern, model, evaluations, given, arguments)
    except UserError as error:
        if not evaluations or given.data:
            raise
        print(f"seqvision: no examples, for the data are not there: {error}", file=sys.stderr)
        own = _Bare(pattern, model)
    output = given.output or run / "report.html"
    with open_output(output) as file:
        record = read_record(run)
        tried = improvements(model.config, record, evaluations[0] if evaluations else None)
        write_report(
            file,
            model,
            own,
            curves=read_curves(run),
            record=record,
            evaluations=evaluations,
            improvements=tried,
        )
    print(output)
    return 0


def _items(
    pattern: "Pattern", model: Any, evaluations: list[dict[str, Any]], given: argparse.Namespace, arguments: list[str]
) -> tuple[Any, list[dict[str, Any]]]:
    """(what the page says of a split's items, the evaluations): where there are none yet, one is made and kept."""
    from seqvision.cli.record import evaluation_record, save_record
    from seqvision.cli.stored_data import split_records, splits_of, stored_data

    begun = time.time()
    data = stored_data(model, given.data, trust=given.trust)
    splits = splits_of(data)
    split = given.split or (evaluations[0]["split"] if evaluations else "val")
    records = split_records(splits, split)
    every = -(-len(records) // (given.limit or pattern.shown_at_most or len(records)))
    chosen = records[::every]
    if evaluations:
        predictions = pattern.predict(chosen, splits)
    else:
        predictions = pattern.predict(records, splits)
        evaluation = pattern.evaluate(predictions, records, split=split, splits=splits, data=data)
        predictions = predictions[::every]
        command, seconds = typed("report", arguments), time.time() - begun
        entry = evaluation_record(
            evaluation, pattern.models, decoding=pattern.decoding, command=command, seconds=seconds
        )
        save_record(Path(given.run[0]), entry)
        evaluations = [entry]
    own = pattern.report(predictions, chosen, split=split, total=len(records), data=data, examples=given.examples)
    return own, evaluations


class _Bare:
    """A pattern's part of the page where there are no items to show."""

    def __init__(self, pattern: "Pattern", model: Any):
        import numpy as np

        classes = SimpleNamespace(classes=getattr(model, "classes", ()))
        own = pattern.report(np.zeros((0, 1)), [], split="", total=0, data=classes, examples=0)
        self.words, self.network, self.facts = own.words, own.network, own.facts

    def write(self, page: Any) -> None:
        page.add('<p class="note">The data are not on this machine, so that there are no examples.</p>')
