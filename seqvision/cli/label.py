"""`seqvision label`: recordings in, labels for their frames out: tables, subtitles, annotations, pictures, videos."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seqvision.cli.options import add_checkpoint_options, loading, number, parser
from seqvision.cli.reading import add_reading_options, advice_as_options
from seqvision.errors import UserError

if TYPE_CHECKING:
    from seqvision.inference import LoadedLabeller

DESCRIPTION = """A label for every frame of your own videos, or of recordings of features.

  seqvision label --checkpoint runs/labeller/2026-01-31_12-00-00 --output labels today.mp4
  seqvision label --checkpoint best.ckpt --output labels --timeline --truth segments.csv clips/
  seqvision label --checkpoint best.ckpt --output labels --video --clips today.mp4
  seqvision label --checkpoint best.ckpt --output labels --uncertain 20 new_videos/
  sensor | seqvision label --checkpoint best.ckpt -

Each recording NAME becomes NAME.frames.csv, NAME.segments.csv and NAME.vtt, which players show as subtitles, in the
folder of --output. With - each line of standard input is a frame, numbers between commas, and its label and probability
are written at once; that needs a model that looks forward only. A recording that cannot be read is reported and
skipped; the exit status is then 1. The same command again, after an error or an interruption, labels what is missing or
has changed; with --overwrite everything."""

FORMATS = ("frames", "segments", "vtt", "eaf", "boris")
DEFAULT = "frames,segments,vtt"


@advice_as_options()
def main(arguments: list[str]) -> int:
    """0, or 1 if recordings were skipped."""
    options = parser("label", DESCRIPTION)
    options.add_argument("inputs", nargs="+", help="videos, files of features, folders of them, or - for frames")
    options.add_argument("--output", metavar="FOLDER", type=Path, help="where the files are written")
    options.add_argument(
        "--formats",
        metavar="KINDS",
        help=f"which files: {', '.join(FORMATS)} (default {DEFAULT}); eaf is ELAN's, boris a project of BORIS",
    )
    options.add_argument("--probabilities", action="store_true", help="of every class for each frame, in frames.csv")
    options.add_argument("--timeline", action="store_true", help="a picture of the labels over time, NAME.png")
    options.add_argument("--video", action="store_true", help="the video with its labels drawn in, NAME.labelled.mp4")
    options.add_argument("--clips", action="store_true", help="the pieces of each label as videos, clips/LABEL/")
    options.add_argument(
        "--truth",
        metavar="PLACE",
        type=Path,
        help="a file with labels, a folder of them, or the data set's: for scores, the timeline and the video",
    )
    options.add_argument(
        "--align",
        choices=("error", "truncate", "resample"),
        help="truth and frames that differ in number (default: as in training)",
    )
    options.add_argument(
        "--uncertain", type=int, metavar="N", help="list the N least certain stretches, worth labelling next"
    )
    options.add_argument(
        "--min-seconds",
        type=number,
        metavar="X",
        help="give segments shorter than that to their neighbours (default: segments stay as they are predicted)",
    )
    options.add_argument(
        "--frame-rate", type=number, metavar="HZ", help="frames a second, of features and of pictures without a clock"
    )
    options.add_argument(
        "--overwrite",
        action="store_true",
        help="files that are there, whoever wrote them; everything is labelled again",
    )
    options.add_argument(
        "--format", choices=("text", "jsonl"), default="text", help="of what is printed (default text)"
    )
    add_reading_options(options)
    add_checkpoint_options(
        options, several="the mean of their probabilities counts (an ensemble)", batch="frames", batch_size=1024
    )
    given = options.parse_args(arguments)
    _check(given)
    labellers = _load(given)
    if given.inputs == ["-"]:
        from seqvision.cli.label_stream import label_stream

        return label_stream(labellers, given)
    from seqvision.cli.label_files import label_files

    return label_files(labellers, given, _formats(given))


def _check(given: argparse.Namespace) -> None:
    """Raises `UserError` for what does not go together, before anything is loaded."""
    for name in ("frame_rate", "min_seconds", "uncertain"):
        if getattr(given, name) is not None and not getattr(given, name) > 0:
            raise UserError(f"--{name.replace('_', '-')} {getattr(given, name):g}: expected a number above 0")
    wrong = [kind for kind in _formats(given) if kind not in FORMATS]
    if wrong:
        raise UserError(f"--formats: no kind '{wrong[0]}', expected some of {', '.join(FORMATS)}")
    if "-" not in given.inputs:
        if given.output is None:
            raise UserError("--output FOLDER is missing: where the files for each recording are written")
        return
    if len(given.inputs) > 1:
        raise UserError("-: frames from standard input are labelled alone; name files in a command of their own")
    files = ("output", "formats", "timeline", "video", "clips", "truth", "align", "uncertain", "min_seconds")
    asked = next((name for name in files if getattr(given, name)), None)
    if asked is not None:
        raise UserError(
            f"--{asked.replace('_', '-')}: not with -, where each frame is answered as it comes. Write the frames to a "
            "file and name that"
        )


def _formats(given: argparse.Namespace) -> list[str]:
    return [kind.strip() for kind in (given.formats or DEFAULT).split(",") if kind.strip()]


def _load(given: argparse.Namespace) -> "list[LoadedLabeller]":
    from seqvision.inference import LoadedLabeller, load_model

    return [load_model(path, LoadedLabeller, **loading(given)) for path in given.checkpoint]
