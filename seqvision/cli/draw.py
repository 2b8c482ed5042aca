"""`seqvision draw`: a trained painter in; new pictures out, or yours painted again, as a picture or as an animation."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seqvision.cli.options import add_checkpoint_options, loading, parser
from seqvision.cli.sources import drawn_names, named_pictures
from seqvision.errors import UserError
from seqvision.files import expect_folder, expect_writable
from seqvision.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from seqvision.figures.canvases import Painted
    from seqvision.inference.painting import LoadedPainter

DESCRIPTION = """Pictures that a trained painter makes: new ones, yours painted again, or the way from one to another.

  seqvision draw --checkpoint runs/painter/2026-01-31_12-00-00 --output samples.png
  seqvision draw --checkpoint best.ckpt -n 100 --seed 7 --class 3 --class 8 --output samples.gif
  seqvision draw --checkpoint best.ckpt --reconstruct three.png seven.png --output again.png
  seqvision draw --checkpoint best.ckpt --interpolate three.png seven.png --output way.png

--output FILE.png: all pictures on one sheet. FILE.gif: how the canvases grow, with the window that paints drawn in.
A folder: both, and every picture by itself."""

WAY = 10  # pictures from one to the other
SHEET = "all"  # what shows all pictures is called, in a folder


def main(arguments: list[str]) -> int:
    """0, or 1 if pictures were skipped."""
    given = _parse(arguments)
    (expect_writable if Path(given.output).suffix else expect_folder)(given.output)

    from seqvision.inference import load_model
    from seqvision.inference.painting import LoadedPainter, sample

    loaded = load_model(given.checkpoint[0], LoadedPainter, **loading(given))
    skipped = 0
    if given.interpolate:
        _save_way(loaded, given)
    elif given.reconstruct:
        skipped = _reconstruct(loaded, given)
    else:
        new = sample(loaded, given.number, names=given.classes, seed=given.seed)
        _save(new, given.output, names=[f"{place:04}" for place in range(given.number)])
    print(given.output)
    return 1 if skipped else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    options = parser("draw", DESCRIPTION)
    what = options.add_mutually_exclusive_group()
    what.add_argument("-n", "--number", type=int, metavar="N", help="how many new pictures (default 64)")
    what.add_argument("--reconstruct", nargs="+", metavar="PICTURE", help="pictures or folders of them, painted again")
    what.add_argument("--interpolate", nargs=2, metavar=("A", "B"), help=f"{WAY} pictures, from one to the other")
    options.add_argument("--seed", type=int, default=0, help="of new pictures (default 0)")
    options.add_argument(
        "--class",
        dest="classes",
        action="append",
        metavar="NAME",
        help="what to paint, of a model that is told classes; given several times, in turn (default: new ones of all "
        "in turn, yours of the class that each is likeliest of)",
    )
    options.add_argument("--invert", action="store_true", help="light and dark exchanged in your own pictures")
    options.add_argument(
        "--output", default="drawn.png", metavar="PATH", help="FILE.png, FILE.gif or a folder (default drawn.png)"
    )
    add_checkpoint_options(options, several="")
    given = options.parse_args(arguments)
    if len(given.checkpoint) > 1:
        raise UserError(f"--checkpoint: {len(given.checkpoint)} models, expected one")
    given.number = 64 if given.number is None else given.number
    if given.number < 1:
        raise UserError(f"-n {given.number}: expected a number of pictures, 1 or more")
    suffix = Path(given.output).suffix.lower()
    if suffix not in ("", ".png", ".gif"):
        raise UserError(f"--output {given.output}: '{suffix}' is not known here; expected .png, .gif or a folder")
    if given.interpolate and suffix == ".gif":
        raise UserError(f"--output {given.output}: the way between two pictures is one sheet; take a .png")
    if given.interpolate and len(given.classes or ()) > 2:
        raise UserError(
            f"--class: {len(given.classes)} of them; the way between two pictures has those of its two ends"
        )
    return given


def _reconstruct(loaded: "LoadedPainter", given: argparse.Namespace) -> int:
    """How many pictures could not be read."""
    import torch

    from seqvision.inference.painting import reconstruct

    paths, images, skipped = named_pictures(given.reconstruct), [], 0
    read = loaded.reader.inverted(really=given.invert)
    known = []
    for path in paths:
        try:
            images.append(read(path))
            known.append(path)
        except UserError as error:
            skipped += 1
            print(f"seqvision: skipped {error}", file=sys.stderr)
    if not known:
        raise UserError(f"of {counted(len(paths), 'picture')} none could be read, so there is nothing to paint")
    shown, again = reconstruct(loaded, torch.stack(images), [path.name for path in known], names=given.classes)
    names = drawn_names(list(dict.fromkeys(known)), taken=[SHEET])
    _spare(known, Path(given.output), names.values())
    _save(again, given.output, names=[names[path] for path in known], first=shown)
    return skipped


def _save_way(loaded: "LoadedPainter", given: argparse.Namespace) -> None:
    import torch

    from seqvision.figures.canvases import picture_grid
    from seqvision.figures.save import save_image
    from seqvision.inference.painting import interpolate

    read = loaded.reader.inverted(really=given.invert)
    ends = [Path(name) for name in given.interpolate]
    images, ids = torch.stack([read(path) for path in ends]), [path.name for path in ends]
    way = interpolate(loaded, images, ids, names=given.classes, number=WAY)
    output = Path(given.output)
    _spare(ends, output, [SHEET, *(f"{place:04}" for place in range(WAY))])
    if output.suffix:
        save_image(picture_grid(way, columns=WAY), output)
    else:
        _save_each(way, output, [f"{place:04}" for place in range(WAY)])
        save_image(picture_grid(way, columns=WAY), output / f"{SHEET}.png")


def _save(made: "Painted", output: str, *, names: list[str], first: "np.ndarray | None" = None) -> None:
    """Sheet, film, or a folder of everything. first: the pictures that were to be painted, shown beside."""
    from seqvision.figures.canvases import canvas_frames, growth_grid, picture_grid, save_film
    from seqvision.figures.save import save_image

    target = Path(output)
    if not target.suffix:
        _save_each(made.pictures, target, names)
    if target.suffix.lower() != ".gif":
        sheet = picture_grid(made.pictures) if first is None else growth_grid(made.growth, made.boxes, first=first)
        save_image(sheet, target if target.suffix else target / f"{SHEET}.png")
    if target.suffix.lower() != ".png":
        save_film(canvas_frames(made.growth, made.boxes), target if target.suffix else target / f"{SHEET}.gif")


def _spare(own: "Sequence[Path]", output: Path, names: "Iterable[str]") -> None:
    """A UserError where what is drawn would take the place of a picture that it is drawn from."""
    targets = {output} if output.suffix else {output / f"{name}.png" for name in names}
    lost = {path.resolve() for path in own} & {target.resolve() for target in targets}
    if lost:
        raise UserError(f"--output {output}: {min(lost)} would be painted over; give another place")


def _save_each(pictures: "np.ndarray", folder: Path, names: list[str]) -> None:
    from PIL import Image

    from seqvision.figures.save import save_image

    for name, picture in zip(names, pictures, strict=True):
        save_image(Image.fromarray(picture), folder / f"{name}.png")
