"""A data set written into shards: each appears whole or not at all, and a second run writes what is missing."""

import errno
import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from seqvision.data.pictures import picture_bytes, picture_size, read_image
from seqvision.data.progress import tracked
from seqvision.data.records import CaptionRecord
from seqvision.data.shards.index import FORMAT, INDEX, KIND, is_folder_name, is_sharded, read_index
from seqvision.data.shards.shard import Entry, read_table, table_of
from seqvision.data.workers import usable_cores
from seqvision.errors import UserError
from seqvision.files import remove_abandoned, replacing


@dataclass(frozen=True)
class _Planned:
    """A shard that there is to be; `first` is the number of its first picture in the split."""

    file: str
    first: int
    records: Sequence[CaptionRecord]


def write_shards(
    records: Sequence[CaptionRecord],
    folder: str | Path,
    *,
    source: Mapping[str, Any],
    shard_size: int = 1000,
    skip_damaged: bool = False,
    progress: bool = True,
) -> list[str]:
    """The ids of damaged pictures, which were left out; the folder then holds shards of all others.

    The pictures' files go in as they are; each is decoded once, to see that it can be. Training pictures come in an
    order that a hash of their ids decides, so that each shard is a fair sample; others in their own. What an
    interrupted run finished is kept, unless a picture has another size or other captions by now.

    source: what the index shall say of where they come from. UserError for a damaged picture (unless `skip_damaged`),
    for a folder that holds something else, and where there is no room.
    """
    folder = Path(folder)
    if shard_size < 1:
        raise UserError(f"--shard-size {shard_size}: expected a number of pictures, 1 or more")
    head = {"kind": KIND, "format": FORMAT, "shard_size": shard_size, "digest": _digest(records)}
    with _claimed(folder, head) as complete:
        if not complete:
            _write_index(folder, {**head, "complete": False, "source": dict(source), "splits": {}})
        splits: dict[str, list[dict[str, Any]]] = {}
        left_out: list[str] = []
        plan = _plan(records, shard_size)
        for split, shard in tracked(plan, total=len(plan), description="Writing shards", show=progress):
            (folder / split).mkdir(exist_ok=True)
            facts = _finished(folder / shard.file, shard, skip_damaged)
            if facts is None:
                facts = _write(folder / shard.file, shard, skip_damaged)
            table = table_of(folder / shard.file).stat().st_size
            splits.setdefault(split, []).append({"file": shard.file, "table": table, **facts})
            left_out += facts["left_out"]
        counts = {name: sum(s[name] for shards in splits.values() for s in shards) for name in ("pictures", "captions")}
        _write_index(folder, {**head, "complete": True, "source": dict(source), **counts, "splits": splits})
    return left_out


def _plan(records: Sequence[CaptionRecord], shard_size: int) -> list[tuple[str, _Planned]]:
    """The shards of each split."""
    splits: dict[str, list[CaptionRecord]] = {}
    for record in records:
        if record.split is not None:
            splits.setdefault(record.split, []).append(record)
    for split in splits:
        if not is_folder_name(split):
            raise UserError(f"the split '{split}' cannot be a folder's name. Call it otherwise, in letters and digits")
    if "train" in splits:
        splits["train"].sort(key=lambda record: hashlib.sha256(record.id.encode(errors="surrogateescape")).digest())
    return [
        (split, _Planned(f"{split}/{number:05}.tar", first, some[first : first + shard_size]))
        for split, some in splits.items()
        for number, first in enumerate(range(0, len(some), shard_size))
    ]


def _digest(records: Sequence[CaptionRecord]) -> str:
    """What tells one data set from another: names, captions and splits."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(json.dumps([record.id, record.split, record.captions]).encode())
    return digest.hexdigest()


@contextmanager
def _claimed(folder: Path, head: Mapping[str, Any]) -> Iterator[bool]:
    """Whether the folder holds all of these shards already; meanwhile no other process writes there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            complete = False
            if is_sharded(folder):
                found = read_index(folder)
                wrong = [key for key in head if found.get(key) != head[key]]
                if wrong:
                    raise UserError(
                        f"{folder}: holds shards of other data or size (they differ in {', '.join(wrong)}). "
                        f"Name another folder, or delete this one: rm -r {folder}"
                    )
                complete = found["complete"]
            elif any(not file.name.startswith(".") for file in folder.iterdir()):
                raise UserError(f"{folder}: not empty, and no folder of shards. Name another folder for them")
            yield complete
    except Timeout:
        raise UserError(f"{folder}: another process is writing shards there. Wait for it, or stop it") from None
    except OSError as error:
        room = "; make room" if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)) else ""
        raise UserError(
            f"{folder}: the shards cannot be written ({error.strerror or error}){room}. Those that are whole are kept: "
            "run the same command again, and it goes on"
        ) from error


def _finished(tar: Path, shard: _Planned, skip_damaged: bool) -> dict[str, Any] | None:
    """The facts of a shard that is there as planned; None if it has to be written."""
    try:
        facts, lines = read_table(tar)
        if tar.stat().st_size != facts["bytes"]:
            return None
        entries: list[Entry] = [json.loads(line) for line in lines]
        kept = [record for record in shard.records if record.id not in facts["left_out"]]
        same = len(entries) == len(kept) and all(
            (entry["id"], entry["captions"], entry["size"]) == (r.id, list(r.captions), picture_size(r.image))
            for entry, r in zip(entries, kept, strict=True)
        )
    except (UserError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return facts if same and (skip_damaged or not facts["left_out"]) else None


def _write(tar: Path, shard: _Planned, skip_damaged: bool) -> dict[str, Any]:
    """The facts of the shard, after it was written: first the table, then the tar, so that neither is alone whole."""
    remove_abandoned(tar.parent)
    entries: list[Entry] = []
    left_out: list[str] = []
    with replacing(tar) as draft, open(draft, "wb") as file, ThreadPoolExecutor(usable_cores()) as pool:
        archive = _Archive(file)
        for record, content in zip(shard.records, _contents(shard.records, pool), strict=True):
            if isinstance(content, UserError):
                if not skip_damaged:
                    raise UserError(f"{content} (--skip-damaged leaves out all such pictures and lists them)")
                left_out.append(record.id)
                continue
            key = f"{shard.first + len(entries):09}"
            picture, captions = f"{key}{record.image.suffix.lower()}", list(record.captions)
            place = archive.add(picture, content)
            archive.add(f"{key}.json", json.dumps({"id": record.id, "captions": captions}).encode())
            entries.append(Entry(picture=picture, offset=place, size=len(content), id=record.id, captions=captions))
        archive.end()
        facts = {
            "pictures": len(entries),
            "captions": sum(len(entry["captions"]) for entry in entries),
            "bytes": archive.size,
            "sha256": archive.digest.hexdigest(),
            "left_out": left_out,
        }
        table = "".join(json.dumps(line) + "\n" for line in [facts, *entries])
        tar.unlink(missing_ok=True)  # an older one, which the table would not fit
        with replacing(table_of(tar)) as draft_table:
            draft_table.write_bytes(table.encode())
    return facts


def _contents(records: Sequence[CaptionRecord], pool: ThreadPoolExecutor) -> Iterator[bytes | UserError]:
    """The pictures' files, or what is wrong with them; a few at a time, for a shard may be large."""
    for begin in range(0, len(records), 64):
        yield from pool.map(_checked, records[begin : begin + 64])


def _checked(record: CaptionRecord) -> bytes | UserError:
    """A picture's file, if it can be decoded; else why not."""
    try:
        content = picture_bytes(record.image)
        file = BytesIO(content)
        file.name = str(record.image)
        read_image(file, size=64)
    except UserError as error:
        return error
    except OSError as error:
        return UserError(f"{record.image}: cannot be read ({error.strerror or error}). Put it there, or leave it out.")
    return content


class _Archive:
    """A tar that is written from its beginning to its end, the same bytes at any time, and hashed on the way."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def add(self, name: str, content: bytes) -> int:
        """Where the content begins, after it was put there."""
        header = tarfile.TarInfo(name)
        header.size = len(content)
        self._put(header.tobuf(tarfile.USTAR_FORMAT))
        place = self.size
        self._put(content)
        self._put(bytes(-self.size % tarfile.BLOCKSIZE))
        return place

    def end(self) -> None:
        """The two empty blocks behind the last file."""
        self._put(bytes(2 * tarfile.BLOCKSIZE))

    def _put(self, content: bytes) -> None:
        self._file.write(content)
        self.digest.update(content)
        self.size += len(content)


def _write_index(folder: Path, content: Mapping[str, Any]) -> None:
    with replacing(folder / INDEX) as draft:
        draft.write_bytes(json.dumps(content, indent=1).encode())
