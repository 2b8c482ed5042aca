"""`seqvision data shard`: a data set, as training would read it, written into tar files for `data=shards`."""

from pathlib import Path

from seqvision import __version__
from seqvision.cli.data_source import source_data
from seqvision.cli.options import parser, typed
from seqvision.errors import UserError

SHARD = """A data set in tar files, for sets larger than memory and for disks that are slow with many small files.

  seqvision data shard my_pictures --output shards
  seqvision data shard data=files data.path=coco/dataset_coco.json data.images=coco --output shards
  seqvision train data=shards data.folder=shards

SOURCE is a folder or caption file, or what `seqvision train` would be given: data=… and data.KEY=VALUE. Splits are
decided here. What a run that was stopped has finished is kept: the same command goes on. The tars are WebDataset's."""


def shard(arguments: list[str]) -> int:
    """0, or 1 if damaged pictures were left out."""
    options = parser("data shard", SHARD)
    options.add_argument("source", nargs="+", metavar="SOURCE", help="a path, or data=… data.KEY=VALUE …")
    options.add_argument("--output", required=True, metavar="DIR", help="where the shards go")
    options.add_argument("--shard-size", type=int, default=1000, metavar="N", help="pictures a shard (default 1000)")
    options.add_argument("--skip-damaged", action="store_true", help="leave out pictures that cannot be decoded")
    given = options.parse_args(arguments)

    from seqvision.data import CaptionData
    from seqvision.data.shards.write import write_shards

    data = source_data(given.source, command="data shard", layout="files")
    if not isinstance(data, CaptionData):
        raise UserError(f"data shard {' '.join(given.source)}: only pictures with captions are packed into tar files")
    records = data.read()
    left_out = write_shards(
        records,
        given.output,
        source={"command": typed("data", ["shard", *arguments]), "version": __version__},
        shard_size=given.shard_size,
        skip_damaged=given.skip_damaged,
    )
    return _summary(Path(given.output), left_out)


def _summary(folder: Path, left_out: list[str]) -> int:
    from seqvision.data.shards import ShardIndex

    splits = ShardIndex(folder).splits
    number = sum(len(shards) for shards in splits.values())
    counts = ", ".join(f"{sum(shard['pictures'] for shard in shards)} {split}" for split, shards in splits.items())
    print(f"{folder}: {number} shards; {counts}")
    if left_out:
        print(f"left out as damaged: {len(left_out)}: {', '.join(left_out[:5])}{' …' if len(left_out) > 5 else ''}")
    print(f"  seqvision train data=shards data.folder={folder}")
    return 1 if left_out else 0
