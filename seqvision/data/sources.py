"""Where captions and pictures come from: a person's own files, drawn scenes, shards."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from seqvision.data.captions import CaptionData
from seqvision.data.formats import read_captions, read_captions_with_report
from seqvision.data.loading import ShuffledShards
from seqvision.data.records import CaptionRecord
from seqvision.data.scenes import write_scenes
from seqvision.data.shards import ShardIndex, ShardRecords
from seqvision.data.shards.index import ShardReferences
from seqvision.data.splits import assign_splits
from seqvision.errors import UserError
from seqvision.names import Name


class FileCaptions(CaptionData):
    """A person's own pictures and captions, in any layout that `read_captions` knows.

    path: the folder or the caption file; layout, images, the columns, encoding, on_missing:
    as in `read_captions`. splits: the shares `val` and `test` and the seed of a stable split by picture, where the data
    has none of its own.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        layout: str = "auto",
        images: str | Path | None = None,
        image_column: Name = None,
        caption_column: Name = None,
        split_column: Name = None,
        encoding: str = "utf-8",
        on_missing: str = "error",
        splits: Mapping[str, Any] | None = None,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.path = Path(path)
        self.reading: dict[str, Any] = {
            "layout": layout,
            "images": Path(images) if images else None,
            "image_column": image_column,
            "caption_column": caption_column,
            "split_column": split_column,
            "encoding": encoding,
            "on_missing": on_missing,
        }
        self.splits = dict(splits or {})
        if strange := self.splits.keys() - {"val", "test", "seed"}:
            raise UserError(f"data.splits: no key '{min(strange)}', expected val, test and seed")
        self.notes: list[str] = []

    def read(self) -> list[CaptionRecord]:
        report = read_captions_with_report(self.path, **self.reading)
        self.notes = report.left_out()
        return assign_splits(report.records, **self.splits)

    def checked_path(self) -> Path:
        return self.path

    def checked_options(self) -> dict[str, Any]:
        return {**super().checked_options(), **self.reading, **self.splits}

    def summary(self) -> str:
        return "\n  ".join([super().summary(), *self.notes])


class SceneCaptions(CaptionData):
    """The procedurally drawn scenes, written to a folder once and read from there like any other pictures.

    draw: whether scenes that are not there yet are drawn; else a `UserError` says so.
    """

    def __init__(
        self,
        *,
        folder: str | Path,
        size: int = 64,
        counts: Mapping[str, int] | None = None,
        captions: int = 5,
        scene_seed: int = 0,
        draw: bool = True,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.folder, self.draw = Path(folder), draw
        self.scenes: dict[str, Any] = {"size": size, "captions": captions, "seed": scene_seed}
        if counts:
            self.scenes["counts"] = dict(counts)

    def checked_path(self) -> Path:
        return write_scenes(self.folder, draw=self.draw, **self.scenes)

    def read(self) -> list[CaptionRecord]:
        return list(read_captions(self.checked_path() / "captions.json"))


class ShardCaptions(CaptionData):
    """Pictures and captions in shards, as `seqvision data shard` writes them: no list of them is held in memory.

    buffer: training takes the shards in a new order in each epoch, and shuffles what comes out of them as far as this
        number of pictures reaches; more shuffles better, fewer need less of the system's memory.
    """

    def __init__(self, *, folder: str | Path, buffer: int = 4000, **settings: Any):
        super().__init__(**settings)
        if self.sort_by_length:
            raise UserError(
                "data.sort_by_length=true: not with shards, where captions are read only with their pictures; "
                "leave it false"
            )
        if buffer < 0:
            raise UserError(f"data.buffer is {buffer}, expected a number of pictures, 0 or more")
        self.folder = Path(folder)
        self.buffer = buffer

    def read_splits(self) -> dict[str, Sequence[CaptionRecord]]:
        return dict(ShardIndex(self.folder).records())

    def read(self) -> list[CaptionRecord]:
        return [record for records in self.read_splits().values() for record in records]

    def checked_path(self) -> Path:
        return self.folder

    @cached_property
    def references(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        return {split: ShardReferences(records) for split, records in self.records.items()}

    def loaded_records(self, split: str) -> Sequence[CaptionRecord]:
        records = self.records[split]
        # on several machines each reads a part of every shard, and shall not fetch the whole
        several = self.trainer is not None and self.trainer.num_nodes > 1
        return records.fetching() if isinstance(records, ShardRecords) and not several else records

    def order(self, split: str) -> ShuffledShards | None:
        records = self.records[split]
        return ShuffledShards(records.counts, buffer=self.buffer) if isinstance(records, ShardRecords) else None
