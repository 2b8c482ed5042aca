"""`seqvision data check`, `data shard`, `data scenes`: look into a data set, pack it into tars, or draw one."""

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from seqvision.cli.data_source import layout_of_sequences, source_data
from seqvision.cli.options import number, parser
from seqvision.cli.output import write_output
from seqvision.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

    from seqvision.data import CheckReport
    from seqvision.data.check_parallel_report import ParallelReport
    from seqvision.data.check_pictures_report import PictureReport
    from seqvision.data.check_sequences_report import SequenceReport

HELP = """usage: seqvision data check SOURCE [options]    what is in a data set, and what is wrong with it
       seqvision data shard SOURCE --output DIR pack it into tar files, for sets larger than memory
       seqvision data scenes FOLDER [options]   draw pictures with captions: data that need no download

`seqvision data check --help` and so on list the options."""

CHECK = """What is in a data set and what is wrong with it, before anyone trains on it.

  seqvision data check my_pictures
  seqvision data check captions.csv --images photos --caption-column text --format json
  seqvision data check my_clips                                           videos with labels or in folders of classes
  seqvision data check data=videos data.path=my_clips data.reader.stride=5
  seqvision data check data=recordings data.path=sensors --quick
  seqvision data check data=pictures_files data.path=my_plates data.strings=true  whole pictures with classes or strings
  seqvision data check data=parallel data.path=texts data.source=de data.target=en     sentences and translations

SOURCE is a folder or caption file, or what `seqvision train` would be given: data=… and data.KEY=VALUE. Pictures with
captions: every layout that data=files reads; the options under "captions" are its keys; of a folder of shards every
byte is compared with its hash. All faults are listed in one run, with labels that may be one in two spellings, the
columns that were read, and what `seqvision evaluate` will lack. Sequences are read to their last frame. The exit
status is 1 where something has to be looked into. Of parallel text every line is read: lengths, empty lines, sentences
in several splits, unknown words. Of whole labelled pictures every one is decoded: classes, lengths of strings, sizes,
doubles in other splits."""

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
    options.add_argument("source", nargs="+", metavar="SOURCE", help="a path, or data=… data.KEY=VALUE …")
    options.add_argument("--quick", action="store_true", help="sequences: heads of files only, no frame is decoded")
    options.add_argument("--format", choices=("text", "json"), default="text")
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    group = options.add_argument_group("captions")
    group.add_argument("--layout", default="auto", help="auto, or a layout's name")
    group.add_argument("--images", metavar="FOLDER", help="where the pictures are, if not beside the captions")
    group.add_argument("--image-column", metavar="NAME", help="of a table, if it is not recognised")
    group.add_argument("--caption-column", metavar="NAME")
    group.add_argument("--split-column", metavar="NAME")
    group.add_argument("--encoding", default="utf-8", help="of the caption file (default utf-8)")
    group.add_argument("--val", type=number, default=0.1, help="share for validation, without splits of its own")
    group.add_argument("--test", type=number, default=0.1, help="share for testing, likewise")
    group.add_argument("--seed", type=int, default=0, help="of the drawn splits")
    group.add_argument("--max-tokens", type=int, default=50, help="longer captions are listed (default 50)")
    given = options.parse_args(arguments)

    source: list[str] = given.source
    layout = None if "=" in source[0] else layout_of_sequences(Path(source[0]))
    report: CheckReport | SequenceReport | ParallelReport | PictureReport
    if len(source) > 1 or "=" in source[0] or layout:
        report = checked_data(source, layout, quick=given.quick)
    else:
        try:
            report = checked_captions(given)
        except UserError as error:
            raise UserError(_with_options(str(error))) from error
    text = json.dumps(report.to_dict(), indent=2) if given.format == "json" else report.to_text()
    write_output(given.output, text)
    return 0 if report.ok else 1


def _with_options(message: str) -> str:
    """The message with the options of this command in place of the keys of `train`: --encoding for data.encoding=."""
    keys = r"\bdata\.(layout|images|image_column|caption_column|split_column|encoding)\b(=?)"
    return re.sub(keys, lambda key: f"--{key[1].replace('_', '-')}{' ' if key[2] else ''}", message)


def checked_captions(given: argparse.Namespace) -> "CheckReport":
    """The report on pictures with captions."""
    from seqvision.data import check_captions

    return check_captions(
        given.source[0],
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


def checked_data(
    source: list[str], layout: str | None, *, quick: bool
) -> "CheckReport | SequenceReport | ParallelReport | PictureReport":
    """The report on what a data module reads; `layout`: how a plain path is read."""
    from seqvision.data import (
        CaptionData,
        LabelledPictures,
        ParallelData,
        SequenceData,
        check_captions,
        check_sequences,
    )
    from seqvision.data.check_parallel import check_parallel
    from seqvision.data.check_pictures import check_pictures

    data = source_data(source, command="data check", layout=layout or "videos")
    chosen = next((part.removeprefix("data=") for part in source if part.startswith("data=")), layout)
    if isinstance(data, ParallelData):
        return check_parallel(data, str(getattr(data, "path", " ".join(source))), layout=str(chosen), progress=True)
    if isinstance(data, CaptionData):
        return check_captions(data.checked_path(), **data.checked_options(), progress=True)
    if not isinstance(data, SequenceData | LabelledPictures):
        raise UserError(
            f"data check {' '.join(source)}: these are no pictures with captions, no sequences with classes or labels, "
            "no whole pictures with labels, and no sentences with translations"
        )
    where = str(data.reading.get("path", data.reading.get("folder", " ".join(source))))
    if isinstance(data, LabelledPictures):
        return check_pictures(data, where, layout=str(chosen), progress=True)
    return check_sequences(data, where, layout=str(chosen), quick=quick, progress=True)


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
    from seqvision.figures.save import save_image

    counts = given.counts or COUNTS
    folder = write_scenes(given.folder, size=given.size, counts=counts, captions=given.captions, seed=given.seed)
    print(f"{folder}: " + ", ".join(f"{count} {split}" for split, count in counts.items()))
    if given.contact_sheet:
        sheet = contact_sheet(folder)
        save_image(sheet, given.contact_sheet)
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
