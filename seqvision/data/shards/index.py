"""A folder of shards as records: read from the tables when they are asked for, so that memory holds none of them."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from tarfile import BLOCKSIZE
from typing import Any, overload

from seqvision.data.records import CaptionRecord
from seqvision.data.shards.shard import COUNTS, MEND, check_size, is_count, open_shard, table_of
from seqvision.errors import UserError

FORMAT = 1
INDEX = "index.json"
KIND = "seqvision shards"


def is_sharded(folder: str | Path) -> bool:
    """Whether a folder holds shards, or the beginning of them."""
    try:
        with open(Path(folder) / INDEX, "rb") as file:
            return KIND.encode() in file.read(200)
    except OSError:
        return False


def read_index(folder: Path) -> dict[str, Any]:
    """The content of `index.json`, with its keys format, complete and splits; UserError if it is none."""
    file = folder / INDEX
    try:
        content = json.loads(file.read_bytes())
        missing = [key for key in ("format", "complete", "splits") if key not in content]
    except FileNotFoundError:
        raise UserError(
            f"{file}: not found (looked from {Path.cwd()}). data.folder names a folder that "
            "`seqvision data shard data=files data.path=… --output FOLDER` wrote"
        ) from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{file}: damaged, or no index of shards ({str(error)[:120]}). {MEND}") from None
    if missing or not isinstance(content, dict):
        raise UserError(f"{file}: damaged, or no index of shards (it has no {' and no '.join(missing)}). {MEND}")
    return content


def check_splits(splits: Any, file: Path) -> None:
    """UserError unless the index's `splits` names plain folders, tars within them, and counts that they can hold.

    An index may come from a stranger: it must not name a file outside its own folder, nor a number of pictures that
    would take memory.
    """
    if not isinstance(splits, dict):
        raise UserError(f"{file}: 'splits' is {str(splits)[:60]!r}, expected an object of splits. {MEND}")
    for split, shards in splits.items():
        if not is_folder_name(split):
            raise UserError(f"{file}: the split {split[:60]!r} is not the name of a folder in it. {MEND}")
        if not isinstance(shards, list):
            raise UserError(f"{file}: the split '{split}' holds {str(shards)[:60]!r}, expected a list. {MEND}")
        for number, shard in enumerate(shards):
            where = f"{file}: splits.{split}[{number}]"
            if not isinstance(shard, dict):
                raise UserError(f"{where} is {str(shard)[:60]!r}, expected an object. {MEND}")
            named = shard.get("file")
            if not isinstance(named, str) or not re.fullmatch(rf"{re.escape(split)}/\d+\.tar", named, re.ASCII):
                raise UserError(f"{where}.file is {str(named)[:120]!r}, expected '{split}/NUMBER.tar'. {MEND}")
            for key in (*COUNTS, "table"):
                if not is_count(shard.get(key)):
                    found = str(shard.get(key))[:40]
                    raise UserError(f"{where}.{key} is {found!r}, expected a whole number, 0 or more. {MEND}")
            if shard["pictures"] * 2 * BLOCKSIZE > shard["bytes"]:
                raise UserError(
                    f"{where}.pictures is {shard['pictures']}: {shard['bytes']} bytes cannot hold so many. {MEND}"
                )


def is_folder_name(name: str) -> bool:
    """Whether a split's name is that of a visible folder, and nothing more of a path."""
    return bool(name) and not name.startswith(".") and "\0" not in name and "\\" not in name and Path(name).name == name


def check_inside(tar: Path) -> None:
    """UserError if a shard or its table is a link to anything but a regular file of the same kind.

    Links to shards on other disks are followed.
    """
    for file in (tar, table_of(tar)):
        real = file.resolve()
        if file.exists() and not (real.is_file() and real.suffix == file.suffix):
            raise UserError(f"{file}: a link to {real}, expected a {file.suffix} file. Remove the link, or correct it.")


class ShardIndex:
    """What `index.json` says.

    UserError if it is missing or damaged, or if the writing of the shards was interrupted.

    Attributes:
        splits: of each split its shards, in order: file, pictures, captions, bytes and sha256; table, its table's bytes
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        file = self.folder / INDEX
        content = read_index(self.folder)
        form = content["format"]
        if form != FORMAT:
            raise UserError(
                f"{file}: format {str(form)[:20]}, this version reads format {FORMAT}; use the version of that time"
            )
        if not content["complete"]:
            raise UserError(
                f"{file}: the writing was interrupted; run the same `seqvision data shard` again, it goes on"
            )
        check_splits(content["splits"], file)
        self.splits: dict[str, list[dict[str, Any]]] = content["splits"]

    def records(self) -> "dict[str, ShardRecords]":
        """The records of each split; UserError if a shard is missing or not as long as it should be."""
        for shard in (shard for shards in self.splits.values() for shard in shards):
            tar = self.folder / shard["file"]
            check_inside(tar)
            check_size(tar, shard["bytes"])
            check_size(table_of(tar), shard["table"])
        return {split: ShardRecords(self.folder, split, shards) for split, shards in self.splits.items()}


class ShardRecords(Sequence[CaptionRecord]):
    """The records of a split in the order of its shards; a record's picture is a place in a tar.

    fetch: a shard is fetched as a whole when the first of its records is read, for those who read them all.
    """

    def __init__(self, folder: Path, split: str, shards: Sequence[Mapping[str, Any]], *, fetch: bool = False):
        self.folder, self.split, self.shards, self.fetch = folder, split, shards, fetch
        self.counts = [shard["pictures"] for shard in shards]
        self._ends = list(accumulate(self.counts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> CaptionRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[CaptionRecord]: ...
    def __getitem__(self, index: int | slice) -> CaptionRecord | list[CaptionRecord]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"{index} of {len(self)} records")
        number = bisect_right(self._ends, index)
        shard = open_shard(self.folder / self.shards[number]["file"])
        if len(shard) != self.counts[number]:
            raise UserError(f"{table_of(shard.tar)}: {len(shard)} pictures, {self.counts[number]} by the index. {MEND}")
        if self.fetch:
            shard.fetch()
        entry = shard.entry(index - self._ends[number] + self.counts[number])
        return CaptionRecord(entry["id"], shard.tar / entry["picture"], tuple(entry["captions"]), self.split)

    def fetching(self) -> "ShardRecords":
        """The same records, for a reader of all of them."""
        return ShardRecords(self.folder, self.split, self.shards, fetch=True)


class ShardReferences(Mapping[str, tuple[str, ...]]):
    """The captions of every picture of a split by its name, read when a name is first asked for: the training split's
    may be too many to hold, and validation asks for its own alone.
    """

    def __init__(self, records: Sequence[CaptionRecord]):
        self._records = records

    @cached_property
    def _captions(self) -> dict[str, tuple[str, ...]]:
        return {record.id: record.captions for record in self._records}

    def __getitem__(self, id: str) -> tuple[str, ...]:
        return self._captions[id]

    def __iter__(self) -> Iterator[str]:
        return (record.id for record in self._records)

    def __len__(self) -> int:
        return len(self._records)
