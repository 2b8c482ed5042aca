"""`seqvision evaluate`: what a model's predictions are worth, beside those of methods that hardly look."""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqvision.cli.options import add_checkpoint_options, add_decoding_options, parser, typed
from seqvision.cli.output import json_line, open_output, write_output
from seqvision.cli.reading import add_reading_options, advice_as_options, reading_changes
from seqvision.cli.score_texts import FORMATS
from seqvision.errors import UserError
from seqvision.files import expect_writable

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
ensembles, of other inference, of another way of reading, of predictions and of other data are only written where
--output says."""

DRAWN = ("mc_dropout", "dropconnect_gaussian")  # of `seqvision.inference.members`, what takes samples


@advice_as_options()
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
    model = pattern.models[0] if pattern.models else None
    data = stored_data(model, given.data, trust=given.trust, reading=reading_changes(given))
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
    write_output(given.output, FORMATS[given.format](evaluations, entries, pattern, given))
    if len(pattern.models) != 1 or given.predictions or given.data or given.set or given.inference:
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
    options.add_argument(
        "--tokenizer",
        metavar="NAME",
        help="sacrebleu's, for BLEU: 13a, zh, char, … (default: as in training, by the target language)",
    )
    options.add_argument("--per-class", action="store_true", help="the scores of each class as well")
    options.add_argument(
        "--data",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="other data than the checkpoint's: path=FOLDER, or files path=FOLDER layout=csv …",
    )
    add_reading_options(options)
    options.add_argument("--format", choices=tuple(FORMATS), default="text", help="of the scores (default text)")
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
        "tokenizer": ({"tokenizer"}, "only BLEU of translations has a choice of tokenizers"),
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
                file.write(json_line(entry) + "\n")
