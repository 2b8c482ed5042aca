"""`seqvision read`: pictures in, what a reader makes of them by a few looks, out; with the path of its looks."""

import argparse
import csv
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from seqvision.cli.options import add_checkpoint_options, loading, number, parser
from seqvision.cli.output import json_line, open_output
from seqvision.cli.sources import drawn_names, named_pictures
from seqvision.errors import UserError
from seqvision.files import expect_folder, expect_writable
from seqvision.wording import counted, in_line

if TYPE_CHECKING:
    from seqvision.inference.reading import LoadedReader, Read

DESCRIPTION = """What your own pictures say: a class, or a string, read by a few looks at small parts of them.

  seqvision read --checkpoint runs/reader/2026-01-31_12-00-00 plates/*.jpg
  seqvision read --checkpoint best.ckpt --format jsonl --output plates.jsonl plates/
  seqvision read --checkpoint best.ckpt --invert --overlay seen/ --gif seen/ digit.png
  seqvision read --checkpoint best.ckpt --look-cost 0.5 digits/
  seqvision read --checkpoint runs/forward --backward runs/backward plates/     the second: data.backward=true

Pictures, folders of them, or - for names on standard input; one that cannot be read is reported and skipped, and the
exit status is then 1. JSON lines hold the path of looks too: x and y from -1, the left or upper edge, to 1."""


def main(arguments: list[str]) -> int:
    """0, or 1 if pictures were skipped."""
    given = _parse(arguments)
    expect_writable(given.output)
    expect_folder(given.overlay)
    expect_folder(given.gif)

    from seqvision.inference import load_model
    from seqvision.inference.reading import LoadedReader, check_directions, check_readers

    how = loading(given)
    readers = [_inverted(load_model(path, LoadedReader, **how), given.invert) for path in given.checkpoint]
    check_readers(readers)
    loaded = readers[0]
    if len(readers) > 1 and given.look_cost is not None:
        raise UserError("--look-cost: how sure is sure is known of one reader, not of several together; name one")
    backward = _inverted(load_model(given.backward, LoadedReader, **how), given.invert) if given.backward else None
    if backward is not None:
        check_directions(loaded, backward)
    pictures = named_pictures(given.pictures)
    skipped: list[Path] = []
    with open_output(given.output) as file:
        _WRITERS[given.format](_read(readers, backward, pictures, given, skipped), file)
    if skipped:
        print(f"seqvision: {len(skipped)} of {counted(len(pictures), 'picture')} skipped, see above", file=sys.stderr)
    return 1 if skipped else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    options = parser("read", DESCRIPTION)
    options.add_argument("pictures", nargs="+", help="pictures, folders of them, or - for names on standard input")
    options.add_argument(
        "--format", choices=tuple(_WRITERS), default="text", help="text: picture TAB label TAB probability (default)"
    )
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    options.add_argument("--overlay", metavar="FOLDER", help="a picture of each with the path of looks drawn in")
    options.add_argument("--gif", metavar="FOLDER", help="an animation of each: what the network saw at each look")
    options.add_argument("--invert", action="store_true", help="light and dark exchanged: ink on paper")
    options.add_argument(
        "--paths", type=int, default=0, metavar="N", help="average over N drawn paths (default: the mean path)"
    )
    options.add_argument("--seed", type=int, default=0, help="of drawn paths")
    options.add_argument(
        "--look-cost",
        type=number,
        metavar="C",
        help="stop as soon as it is sure, where one more look costs as much as C percent of right answers",
    )
    options.add_argument(
        "--backward", metavar="FILE", help="a reader of the opposite direction, averaged with this one"
    )
    add_checkpoint_options(options, several="their mean counts, and the first one's path of looks is shown")
    given = options.parse_args(arguments)
    if given.paths < 0:
        raise UserError(f"--paths {given.paths}: expected a number of paths to draw, or 0 for the mean path")
    if given.look_cost is not None and not 0 <= given.look_cost < math.inf:
        raise UserError(f"--look-cost {given.look_cost}: expected what a look costs, 0 or more percent")
    return given


def _inverted(loaded: "LoadedReader", invert: bool) -> "LoadedReader":
    from dataclasses import replace

    return replace(loaded, reader=loaded.reader.inverted(really=invert))


def _read(
    readers: "list[LoadedReader]",
    backward: "LoadedReader | None",
    pictures: list[Path],
    given: argparse.Namespace,
    skipped: list[Path],
) -> Iterator[tuple[Path, "Read"]]:
    from seqvision.data.progress import tracked
    from seqvision.inference.reading import read

    def report(picture: object, error: UserError) -> None:
        skipped.append(Path(str(picture)))
        print(f"seqvision: skipped {error}", file=sys.stderr)

    loaded = readers[0]
    found = read(
        readers,
        pictures,
        batch_size=given.batch_size,
        paths=given.paths,
        threshold=None if given.look_cost is None else loaded.threshold(given.look_cost),
        seed=given.seed,
        backward=backward,
        on_unreadable=report,
    )
    names = drawn_names(list(dict.fromkeys(pictures)))
    show = given.output is not None or not sys.stdout.isatty()
    for picture, answer in tracked(found, total=len(pictures), description="Reading", show=show):
        path = Path(str(picture))
        _draw(loaded, path, names[path], answer, given)
        yield path, answer


def _draw(loaded: "LoadedReader", path: Path, name: str, answer: "Read", given: argparse.Namespace) -> None:
    from seqvision.figures.canvases import save_film
    from seqvision.figures.looks import STEP
    from seqvision.figures.save import save_image
    from seqvision.inference.read_pictures import film, overlay

    if given.overlay:
        drawn = overlay(loaded, loaded.reader(path), answer)
        save_image(drawn, Path(given.overlay) / f"{name}.looks.png")
    if given.gif:
        frames = film(loaded, loaded.reader(path), answer)
        save_film(frames, Path(given.gif) / f"{name}.looks.gif", step=STEP)


def _write_text(answers: Iterable[tuple[Path, "Read"]], file: IO[str]) -> None:
    for path, found in answers:
        file.write(f"{in_line(str(path))}\t{in_line(found.label)}\t{found.probability:.4f}\n")
        file.flush()


def _write_jsonl(answers: Iterable[tuple[Path, "Read"]], file: IO[str]) -> None:
    for path, found in answers:
        entry = {
            "id": str(path),
            "label": found.label,
            "probability": round(found.probability, 6),
            "symbols": [
                {"symbol": symbol, "probability": round(p, 6)}
                for symbol, p in zip(found.symbols, found.probabilities, strict=True)
            ],
            "looks": [{"x": round(float(x), 4), "y": round(float(y), 4)} for x, y in found.places],
        }
        file.write(json_line(entry) + "\n")
        file.flush()


def _write_csv(answers: Iterable[tuple[Path, "Read"]], file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["id", "label", "probability", "looks"])
    for path, found in answers:
        writer.writerow([str(path), found.label, f"{found.probability:.6f}", len(found.places)])
        file.flush()


_WRITERS: dict[str, Callable[[Iterable[tuple[Path, "Read"]], IO[str]], None]] = {
    "text": _write_text,
    "jsonl": _write_jsonl,
    "csv": _write_csv,
}
