"""Whether a folder of shards is what was written: counts, sizes, hashes."""

import hashlib
from pathlib import Path

from seqvision.data.progress import tracked
from seqvision.data.records import CaptionRecord
from seqvision.data.shards.index import ShardIndex, ShardRecords, check_inside
from seqvision.data.shards.shard import COUNTS, MEND, Shard
from seqvision.errors import UserError


def verify_shards(folder: str | Path, *, progress: bool = False) -> tuple[list[CaptionRecord], list[str]]:
    """The records of all whole shards, and what is wrong with the others; every byte is read."""
    index = ShardIndex(folder)
    shards = [(split, shard) for split, some in index.splits.items() for shard in some]
    records: list[CaptionRecord] = []
    faults: list[str] = []
    for split, shard in tracked(shards, total=len(shards), description="Reading shards", show=progress):
        tar = index.folder / shard["file"]
        try:
            check_inside(tar)
            found = Shard(tar).facts
            for fact in (*COUNTS, "sha256"):
                if found.get(fact) != shard.get(fact):
                    by_table, by_index = str(found.get(fact))[:64], str(shard.get(fact))[:64]
                    raise UserError(f"{tar}: {fact} {by_table} by its table, {by_index} by the index. {MEND}")
            with open(tar, "rb") as file:
                digest = hashlib.sha256()
                while piece := file.read(1 << 20):
                    digest.update(piece)
            if digest.hexdigest() != shard["sha256"]:
                raise UserError(f"{tar}: the content is not what was written (its hash differs). {MEND}")
            records += ShardRecords(index.folder, split, [shard])
        except UserError as error:
            faults.append(str(error))
    return records, faults
