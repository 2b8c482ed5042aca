"""MNIST and what comes in its format: pictures and classes in four IDX files, gzipped or plain."""

import gzip
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data.sequences.classes.sets import class_set
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError
from seqvision.names import Name, text_of

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_UNPACKED, _TIMES = 1 << 28, 100  # so many bytes, or times its size, may a gzipped file unpack to
_SPLITS = {"train": "train", "t10k": "test", "test": "test", "val": "val"}


def read_idx(
    folder: str | Path,
    *,
    classes: Sequence[Name] | None = None,
    splits: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> SequenceSet:
    """The pictures of `train-images-idx3-ubyte` (or `.gz`) and `t10k-…` with their classes, and a slice of the
    training pictures to validate on.

    A record's source is a view of one array, uint8 (height, width). `classes` names the numbers 0, 1, 2, …, which
    are the names otherwise. `splits`: the share `val` and the `seed` of the slice. `limit`: only so many of the
    training pictures, the first, those to validate on among them; all are tested on. UserError for files that are
    missing, damaged, cut off or do not belong together.
    """
    folder = Path(folder)
    records: list[SequenceRecord] = []
    for begin, split in _SPLITS.items():
        pictures = _find(folder, f"{begin}-images", needed=begin == "train")
        if pictures is None:
            continue
        numbers = _find(folder, f"{begin}-labels", needed=True)
        assert numbers is not None
        pixels, labels = read_idx_file(pictures), read_idx_file(numbers)
        if pixels.ndim < 3 or pixels.dtype != np.uint8 or labels.ndim != 1 or len(pixels) != len(labels):
            raise UserError(
                f"{pictures.name} holds {_said(pixels)}, {numbers.name} holds {_said(labels)}: expected uint8 "
                "pictures and one number for each. The files are of different sets, or are called by each other's name."
            )
        if split == "train" and limit is not None:
            pixels, labels = pixels[:limit], labels[:limit]
        names = _names(labels, classes, numbers)
        records += [
            SequenceRecord(id=id, source=picture, label=name, group=id, split=split)
            for id, picture, name in zip(_ids(begin, len(pixels)), pixels, names, strict=True)
        ]
    return class_set(records, what="pictures", splits=splits, classes=classes)


def read_idx_file(file: Path) -> np.ndarray:
    """The array of an IDX file, of whatever type and shape its header says; gzipped if its name ends in .gz."""
    size, packed = file.stat().st_size, file.suffix == ".gz"
    limit = max(_UNPACKED, _TIMES * size) if packed else size
    try:
        with gzip.open(file) if packed else open(file, "rb") as opened:
            data = opened.read(4)
            if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
                raise UserError(f"{file}: no IDX file (it starts with {data!r}, expected 0, 0, a type, a rank).")
            kind, begin = np.dtype(_TYPES[data[2]]), 4 + 4 * data[3]
            data += opened.read(begin - 4)
            shape = struct.unpack_from(f">{(len(data) - 4) // 4}I", data, 4)
            needed = begin + math.prod(shape) * kind.itemsize
            if packed and needed > limit:
                raise UserError(
                    f"{file}: the shape {shape} of its header would take {needed} bytes, too many for {size}. "
                    "If that is right, unpack the file with gunzip."
                )
            data += opened.read(max(min(needed, limit) - len(data), 0) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file}: damaged or cut off ({size} bytes; {error}). Copy or download it again.") from None
    if len(shape) < data[3] or len(data) != needed:
        raise UserError(
            f"{file}: {size} bytes, expected {needed} for the shape {shape} that its header says. "
            "The file is cut off or damaged; copy or download it again."
        )
    # of bytes that nobody may write to: copied once, because tensors are made of it
    return np.frombuffer(data, kind, offset=begin).reshape(shape).astype(kind.newbyteorder("="))


def _find(folder: Path, begin: str, *, needed: bool) -> Path | None:
    places = [folder, folder / "raw"]
    for place in places:
        found = sorted(file for file in place.glob(f"{begin}[-.]idx*") if file.suffix in ("", ".gz", ".idx3-ubyte"))
        found += [file for file in sorted(place.glob(f"{begin}.idx*")) if file not in found]
        if found:
            return found[0]
    if not needed:
        return None
    inside = sorted(file.name for file in folder.iterdir())[:8] if folder.is_dir() else []
    holds = f"it holds: {', '.join(inside) or 'nothing'}" if folder.is_dir() else "there is no such folder"
    raise UserError(
        f"{folder}: no file {begin}-idx… in it ({holds}). Name the folder with train-images-idx3-ubyte.gz, "
        "train-labels-idx1-ubyte.gz and their like for t10k with data.path=FOLDER."
    )


def _ids(begin: str, number: int) -> list[str]:
    return [f"{begin}/{place:05}" for place in range(number)]


def _names(labels: np.ndarray, classes: Sequence[Name] | None, file: Path) -> list[str]:
    numbers = labels.tolist()
    if classes is None:
        return [str(number) for number in numbers]
    if max(numbers, default=0) >= len(classes) or min(numbers, default=0) < 0:
        raise UserError(
            f"{file.name}: the class {max(numbers)} has no name; data.classes names {len(classes)} of them, from 0 on."
        )
    return [text_of(classes[number]) for number in numbers]


def _said(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"
