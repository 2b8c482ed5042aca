"""`seqvision caption`: pictures in, captions out, as text, JSON lines, CSV or a page to look at."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvision.cli.options import add_checkpoint_options, add_decoding_options, decoder_of, load_captioners, parser
from seqvision.cli.output import json_line, open_output
from seqvision.cli.sources import named_pictures
from seqvision.errors import UserError
from seqvision.wording import counted, in_line

if TYPE_CHECKING:
    from typing import IO

    from seqvision.inference import LoadedCaptioner, PictureCaption

DESCRIPTION = """Captions of your own pictures.

  seqvision caption --checkpoint runs/captioner/2026-01-31_12-00-00 holiday.jpg pictures/
  find . -name '*.png' | seqvision caption --checkpoint best.ckpt --format jsonl -
  seqvision caption --checkpoint best.ckpt --n-best 5 --format html --output gallery.html pictures/

A picture that cannot be read is reported and skipped; the exit status is then 1."""


def main(arguments: list[str]) -> int:
    """0, or 1 if pictures were skipped."""
    options = parser("caption", DESCRIPTION)
    options.add_argument("pictures", nargs="+", help="pictures, folders, or - for names on standard input")
    options.add_argument(
        "--format", choices=("text", "jsonl", "csv", "html"), default="text", help="text: picture TAB caption (default)"
    )
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    add_checkpoint_options(options)
    add_decoding_options(options)
    given = options.parse_args(arguments)

    from seqvision.data.progress import tracked
    from seqvision.inference import caption_pictures

    paths = named_pictures(given.pictures)
    captioners = load_captioners(given)
    skipped: list[Path] = []

    def report(path: Path, error: UserError) -> None:
        skipped.append(path)
        print(f"seqvision: skipped {error}", file=sys.stderr)

    captions: Iterable[PictureCaption] = caption_pictures(
        captioners,
        paths,
        decoder_of(given, captioners[0].config),
        batch_size=given.batch_size,
        forbid=given.forbid,
        require=given.require,
        on_unreadable=report,
    )
    show = given.output is not None or not sys.stdout.isatty()
    captions = tracked(captions, total=len(paths), description="Captioning", show=show)
    with open_output(given.output) as file:
        _WRITERS[given.format](captions, file, captioners)
    if skipped:
        print(f"seqvision: {len(skipped)} of {counted(len(paths), 'picture')} skipped, see above", file=sys.stderr)
    return 1 if skipped else 0


def _write_text(captions: "Iterable[PictureCaption]", file: "IO[str]", _: "list[LoadedCaptioner]") -> None:
    for picture in captions:
        name = in_line(str(picture.path))
        for caption in picture.captions:
            file.write(f"{name}\t{caption.text}\n")
        file.flush()


def _write_jsonl(captions: "Iterable[PictureCaption]", file: "IO[str]", _: "list[LoadedCaptioner]") -> None:
    for picture in captions:
        entry: dict[str, Any] = {"id": str(picture.path), "caption": picture.text}
        entry["captions"] = [
            {
                "text": caption.text,
                "score": caption.score,
                "log_probability": caption.log_probability,
                "finished": caption.finished,
            }
            for caption in picture.captions
        ]
        file.write(json_line(entry) + "\n")
        file.flush()


def _write_csv(captions: "Iterable[PictureCaption]", file: "IO[str]", _: "list[LoadedCaptioner]") -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["id", "rank", "caption", "score", "log_probability", "finished"])
    for picture in captions:
        for rank, caption in enumerate(picture.captions, start=1):
            numbers = [f"{caption.score:.6g}", f"{caption.log_probability:.6g}", str(caption.finished).lower()]
            writer.writerow([picture.path, rank, caption.text, *numbers])


def _write_html(captions: "Iterable[PictureCaption]", file: "IO[str]", captioners: "list[LoadedCaptioner]") -> None:
    from seqvision.inference.gallery import write_gallery

    write_gallery(captions, file, captioners)


_WRITERS = {"text": _write_text, "jsonl": _write_jsonl, "csv": _write_csv, "html": _write_html}
