"""What is in the file of an offline W&B run."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def records(file: Path) -> list[dict[str, Any]]:
    """The history: what was logged, call by call."""
    return [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in _messages(file)
        if record.WhichOneof("record_type") == "history"
    ]


def tables(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every table by its key, with its images: W&B sends them as artifacts, whose files wait in its staging folder."""
    return [
        (entry.path.removesuffix(".table.json"), json.loads(Path(entry.local_path).read_text()))
        for record in _messages(file)
        if record.WhichOneof("record_type") == "artifact"
        for entry in record.artifact.manifest.contents
        if entry.path.endswith(".table.json")
    ]


def _messages(file: Path) -> Iterator[Any]:
    """The file's records, in blocks as LevelDB's log has them."""
    from wandb.proto import wandb_internal_pb2

    data, place, parts = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # too little left of the block for another header
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record
