"""`seqvision data check`, `data shard`, `data scenes`: look into a data set, pack it into tars, or draw one."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from seqvision.cli.options import parser
from seqvision.cli.output import write_output
from seqvision.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

HELP = """usage: seqvision data check PATH [options]      what is in a data set, and what is wrong with it
       seqvision data shard SOURCE --output DIR pack it into tar files, for sets larger than memory
       seqvision data scenes FOLDER [options]   draw pictures with captions: data that need no download

`seqvision data check --help` and so on list the options."""

CHECK = """What is in a data set and what is wrong with it, before anyone trains on it.

  seqvision data check my_pictures
  seqvision data check captions.csv --images photos --caption-column text --format json

Every layout that `seqvision train data=files` reads; the options are its keys. Of a folder of shards every byte is
compared with its hash. The exit status is 1 where something has to be looked into."""

SCENES = """Pictures of one to three shapes, drawn, with true captions: the data of the default training.

  seqvision data scenes data/scenes --size 64 --counts train=6000,val=400 --contact-sheet scenes.png"""


def main(arguments: list[str]) -> int:
    """0, or 1 if a check found something to look into."""
    from seqvision.cli.data_shard import shard

    kinds = {"check": check, "shard": shard, "scenes": scenes}
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP)
        return 0
    name, *rest = arguments
    if name not in kinds:
        raise UserError(f"no command 'data {name}': expected data check, data shard or data scenes")
    return kinds[name](rest)


def check(arguments: list[str]) -> int:
    """The report on a data set; 1 if it is not ready to train on."""
    options = parser("data check", CHECK)
    options.add_argument("path", help="a folder, or a caption file")
    options.add_argument("--layout", default="auto", help="auto, or a layout's name")
    options.add_argument("--images", metavar="FOLDER", help="where the pictures are, if not beside the captions")
    options.add_argument("--image-column", metavar="NAME", help="of a table, if it is not recognised")
    options.add_argument("--caption-column", metavar="NAME")
    options.add_argument("--split-column", metavar="NAME")
    options.add_argument("--encoding", default="utf-8", help="of the caption file (default utf-8)")
    options.add_argument("--val", type=float, default=0.1, help="share for validation, without splits of its own")
    options.add_argument("--test", type=float, default=0.1, help="share for testing, likewise")
    options.add_argument("--seed", type=int, default=0, help="of the drawn splits")
    options.add_argument("--max-tokens", type=int, default=50, help="longer captions are listed (default 50)")
    options.add_argument("--format", choices=("text", "json"), default="text")
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    given = options.parse_args(arguments)

    from seqvision.data import check_captions

    report = check_captions(
        given.path,
        layout=given.layout,
        images=given.images,
        image_column=given.image_column,
        caption_column=given.caption_column,
        split_column=given.split_column,
        encoding=given.encoding,
        val=given.val,
        test=given.test,
        seed=given.seed,
        max_tokens=given.max_tokens,
        progress=True,
    )
    text = json.dumps(report.to_dict(), indent=2) if given.format == "json" else report.to_text()
    write_output(given.output, text)
    return 0 if report.ok else 1


def scenes(arguments: list[str]) -> int:
    """Drawn scenes in a folder."""
    options = parser("data scenes", SCENES)
    options.add_argument("folder", help="where they go; a folder that holds these very scenes is left as it is")
    options.add_argument("--size", type=int, default=64, help="pixels of a side (default 64)")
    options.add_argument(
        "--counts", type=_counts, metavar="SPLIT=N,…", help="default train=6000,val=400,test=400,combinations=400"
    )
    options.add_argument("--captions", type=int, default=5, help="sentences a picture (default 5)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--contact-sheet", metavar="FILE", help="a picture of the first 24 with a caption each")
    given = options.parse_args(arguments)
    if given.size < 8 or given.captions < 1:
        raise UserError(f"size {given.size} and captions {given.captions}: expected 8 or more, and 1 or more")

    from seqvision.data.scenes import COUNTS, write_scenes

    counts = given.counts or COUNTS
    try:
        folder = write_scenes(given.folder, size=given.size, counts=counts, captions=given.captions, seed=given.seed)
    except OSError as error:
        raise UserError(f"{given.folder}: the scenes cannot be written ({error.strerror or error})") from error
    print(f"{folder}: " + ", ".join(f"{count} {split}" for split, count in counts.items()))
    if given.contact_sheet:
        sheet = contact_sheet(folder)
        try:
            sheet.save(given.contact_sheet)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{given.contact_sheet}: cannot be written ({error}); a name ending in .png will do"
            ) from error
        print(given.contact_sheet)
    return 0


def contact_sheet(folder: Path, *, number: int = 24, columns: int = 6) -> "Image.Image":
    """The first pictures of a data set with a caption below each, on one sheet."""
    from seqvision.data import read_captions, read_image
    from seqvision.figures import sheet_picture

    records = read_captions(folder / "captions.json")[:number]
    pictures = [read_image(record.image) for record in records]
    return sheet_picture(pictures, [record.captions[0] for record in records], columns=columns)


def _counts(text: str) -> dict[str, int]:
    found = {}
    for part in text.split(","):
        split, _, count = part.partition("=")
        if not count.isdigit():
            raise argparse.ArgumentTypeError(f"'{part}' is not SPLIT=NUMBER, e.g. train=600,val=50")
        found[split] = int(count)
    return found
