"""Rows of numbers on disk that survive a killed process: the file format of the feature cache.

A table is three files: `NAME.json` says what it is for and a row's shape and type, `NAME.bin` holds the rows one after
the other, `NAME.rows` has one line of fixed width a row: the hash of the picture's bytes and a checksum of the row.
Rows are only ever appended, and a row's line is written after the row, so whatever is cut off in the middle is found
and cut back.
"""

import contextlib
import errno
import json
import os
import zlib
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seqvision.files import write_bytes

FORMAT = 1
HASH_DIGITS = 32
LINE = HASH_DIGITS + 1 + 8 + 1  # hash, space, checksum, newline


class FeatureTable:
    """The features of a list of pictures, read from disk when asked for: `table[i]` is the i-th picture's.

    Workers of a data loader get the place of the file, not the numbers.

    Attributes:
        shape: (pictures, *shape of one picture's features)
    """

    def __init__(self, path: Path, rows: Sequence[int], row_shape: tuple[int, ...], dtype: str) -> None:
        self.path, self.dtype, self.row_shape = path, dtype, row_shape
        self._rows = np.asarray(rows, dtype=np.int64)
        self._array: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.row_shape)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Float[Tensor, "..."]:
        return self._read(self._rows[[index]])[0]

    def batch(self, indices: Sequence[int]) -> Float[Tensor, "batch ..."]:
        """The features of several pictures."""
        return self._read(self._rows[list(indices)])

    def _read(self, rows: Any) -> Tensor:
        if self._array is None:
            self._array = _map(self.path, self.row_shape, self.dtype)
        return torch.from_numpy(np.asarray(self._array[rows], dtype=np.float32))  # the indexing has copied

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}


class TableWriter:
    """The open files of one table, for one process at a time.

    Opening cuts back what an interrupted process left half written, and forgets rows whose checksum is wrong. A table
    that belongs to other settings or cannot be read at all is begun anew.

    Attributes:
        rows: hash of a picture's bytes -> its row
    """

    def __init__(self, path: Path, settings: dict[str, Any], row_shape: tuple[int, ...], dtype: str) -> None:
        self.path, self.row_shape, self.dtype = path, row_shape, dtype
        self.row_bytes = int(np.prod(row_shape)) * np.dtype(dtype).itemsize
        self.rows: dict[str, int] = {}
        head = {"format": FORMAT, "row_shape": list(row_shape), "dtype": dtype, **settings}
        if not self._is_ours(head):
            # replaced, not emptied: another process may still read the old file
            for suffix in (".bin", ".rows"):
                write_bytes(path.with_suffix(suffix), b"")
            write_bytes(path.with_suffix(".json"), json.dumps(head, indent=1).encode())
        # without buffers, which would keep what a full disk refused and fail again on truncating and closing
        self._data = open(path.with_suffix(".bin"), "r+b", buffering=0)  # noqa: SIM115
        self._lines = open(path.with_suffix(".rows"), "r+b", buffering=0)  # noqa: SIM115
        self.count = self._recover()

    def append(self, hashes: Sequence[str], rows: np.ndarray) -> None:
        """Write rows with the hashes of their pictures; an error leaves the table as it was."""
        data = [np.ascontiguousarray(row, dtype=self.dtype).tobytes() for row in rows]
        lines = "".join(f"{name} {zlib.crc32(row):08x}\n" for name, row in zip(hashes, data, strict=True))
        try:
            for file, content in ((self._data, b"".join(data)), (self._lines, lines.encode())):
                if _write(file, content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with contextlib.suppress(OSError):
                self._cut(self.count)
            raise
        self.rows.update({name: self.count + i for i, name in enumerate(hashes)})
        self.count += len(hashes)

    def table(self, hashes: Sequence[str]) -> FeatureTable:
        """The pictures with these hashes, in this order."""
        return FeatureTable(self.path, [self.rows[name] for name in hashes], self.row_shape, self.dtype)

    def close(self) -> None:
        self._data.close()
        self._lines.close()

    def _is_ours(self, head: dict[str, Any]) -> bool:
        if not all(self.path.with_suffix(suffix).exists() for suffix in (".bin", ".rows", ".json")):
            return False
        try:
            return json.loads(self.path.with_suffix(".json").read_bytes()) == head
        except ValueError:
            return False

    def _recover(self) -> int:
        """The number of whole rows, after cutting the rest off; fills `rows` with those whose checksum is right."""
        text = self._lines.read()
        size = os.fstat(self._data.fileno()).st_size
        count = min(len(text) // LINE, size // self.row_bytes)
        self._data.seek(0)
        for row in range(count):
            stored = self._data.read(self.row_bytes)
            name, _, checksum = text[row * LINE : (row + 1) * LINE].decode("ascii", "replace").strip().partition(" ")
            if checksum == f"{zlib.crc32(stored):08x}":
                self.rows[name] = row
        self._cut(count)
        return count

    def _cut(self, count: int) -> None:
        for file, width in ((self._data, self.row_bytes), (self._lines, LINE)):
            file.truncate(count * width)
            file.seek(count * width)


def _write(file: FileIO, content: bytes) -> int:
    """How much of the content could be written, in as many pieces as the system takes it."""
    done = 0
    while done < len(content) and (written := file.write(memoryview(content)[done:])):
        done += written
    return done


def _map(path: Path, row_shape: tuple[int, ...], dtype: str) -> np.ndarray:
    data = path.with_suffix(".bin")
    count = data.stat().st_size // (int(np.prod(row_shape)) * np.dtype(dtype).itemsize)
    return np.memmap(data, dtype=dtype, mode="r", shape=(count, *row_shape))
