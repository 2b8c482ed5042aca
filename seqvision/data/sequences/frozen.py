"""A frozen encoder's features of sequences of pictures, computed once and kept on disk."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.readers.pictures import PictureReader
from seqvision.data.sequences.readers.video import VideoReader
from seqvision.data.sequences.records import SequenceRecord
from seqvision.encoders.base import Encoder
from seqvision.encoders.cache import FeatureCache
from seqvision.encoders.feature_table import FeatureTable
from seqvision.encoders.video_cache import VideoFeatureCache


def frozen_features(
    encoder: Encoder,
    reader: FrameReader,
    records: Sequence[SequenceRecord],
    *,
    split: str,
    folder: str | Path,
    device: torch.device,
) -> Mapping[str, Tensor] | None:
    """The encoder's features (time, features) of each record's whole source, by the record's id, from the cache in
    `folder`. None where nothing can be kept: the frames are no pictures, or videos that are no files.
    """
    key = json.dumps({"kind": type(reader).__name__, **reader.settings()})
    files = {record.id: record.source for record in records if isinstance(record.source, Path)}
    if isinstance(reader, VideoReader) and len(files) == len(records):
        return VideoFeatureCache(folder).features(
            encoder, reader.read_chunks, files, length=reader.length, reader_key=key, device=device
        )
    if isinstance(reader, PictureReader) and reader.order == "whole":
        table = FeatureCache(folder).compute(
            encoder,
            lambda source: reader.read(source)[0],
            [record.source for record in records],
            split=split,
            transform_key=key,
            device=device,
        )
        return PictureFeatures([record.id for record in records], table)
    return None


class PictureFeatures(Mapping[str, Tensor]):
    """The features of single pictures as sequences of one step, (1, features), by name."""

    def __init__(self, names: Sequence[str], table: FeatureTable) -> None:
        self.places = {name: place for place, name in enumerate(names)}
        self.table = table

    def __getitem__(self, name: str) -> Tensor:
        return self.table[self.places[name]].unsqueeze(0)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)
