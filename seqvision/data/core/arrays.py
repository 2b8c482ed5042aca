"""NumPy's files, looked at before memory is taken for what they claim to hold."""

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.errors import UserError

_ARCHIVE = 1 << 29  # bytes that an array of an .npz, which cannot be mapped into memory, may have
_AT_ONCE = 4 << 30  # bytes of one recording that may be held
_MENDED = "Copy it again, or write it anew."


def expect_memory(name: str, size: int, advice: str) -> None:
    """Raises a `UserError` where so many bytes of a recording are too many to hold."""
    if size > _AT_ONCE:
        raise UserError(f"{name}: {size / 1e9:.1f} GB at once, more than the limit of {_AT_ONCE / 1e9:.1f}. {advice}")


def open_npy(file: Path) -> np.ndarray:
    """The array of plain numbers in a .npy file, mapped into memory and not read.

    Raises:
        UserError: The file is missing, damaged or cut off, or holds anything but numbers.
    """
    size = _size(file)
    try:
        with open(file, "rb") as opened:
            shape, dtype = _header(opened, str(file))
            begins = opened.tell()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror or error}). {_MENDED}") from None
    expected = begins + math.prod(shape) * dtype.itemsize
    if size < expected:
        raise UserError(f"{file}: cut off, {size} of {expected} bytes are there. Copy it again.")
    if 0 in shape:
        return np.empty(shape, dtype)  # nothing to map
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, MemoryError) as error:  # more than can be mapped
        raise UserError(f"{file}: cannot be read ({error}). {_MENDED}") from None


def read_npz(file: Path, wanted: str, *others: str) -> dict[str, np.ndarray]:
    """The wanted array of an .npz file, and those of the others that it has, by name; the rest is not looked at.

    Raises:
        UserError: The file is missing or damaged or has no such array, or an array is so large that it belongs into a
            .npy, or holds anything but numbers.
    """
    _size(file)
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            if wanted not in names:
                raise UserError(f"{file}: holds {', '.join(names[:8]) or 'nothing'}; expected an array `{wanted}`.")
            found = [name for name in (wanted, *others) if name in names]
            return {name: _member(archive, f"{name}.npy", f"{file}: {name}") for name in found}
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{file}: not a NumPy file that can be read ({error!s:.200}). Copy it again, or leave it out."
        ) from None


def _member(archive: zipfile.ZipFile, name: str, where: str) -> np.ndarray:
    with archive.open(name) as opened:
        shape, dtype = _header(opened, where)
    size = math.prod(shape) * dtype.itemsize
    if size > _ARCHIVE or archive.getinfo(name).file_size > _ARCHIVE + (1 << 16):
        raise UserError(
            f"{where}: an array {shape}, {size >> 20} MiB once it is unpacked; up to {_ARCHIVE >> 20} are read from an "
            "archive. Save it alone with np.save, which needs no memory for it."
        )
    with archive.open(name) as opened:
        return np.lib.format.read_array(opened, allow_pickle=False)


def _size(file: Path) -> int:
    if not file.is_file():
        raise UserError(f"{file}: there is no such file. Correct its name.")
    size = file.stat().st_size
    if not size:
        raise UserError(f"{file}: the file is empty (0 bytes). Copy it again, or leave it out.")
    return size


def _header(opened: Any, where: str) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and the type that an array's header says; numbers only."""
    try:
        version = np.lib.format.read_magic(opened)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(opened)
    except (OSError, zipfile.BadZipFile, zlib.error):
        raise
    except Exception as error:  # Python's parser, which reads it, stumbles over damage in many ways
        raise UserError(f"{where}: not a NumPy file, or cut off ({error!s:.200}). {_MENDED}") from None
    if dtype.hasobject:
        raise UserError(
            f"{where}: holds Python objects, which are not opened, for they can run code. Write plain numbers with "
            "np.save(file, np.asarray(features, dtype='float32'))."
        )
    if dtype.kind not in "fiub":
        raise UserError(f"{where}: holds {dtype!s:.60}, expected numbers. Write them with np.save(file, features).")
    if any(side < 0 for side in shape) or math.prod(max(1, side) for side in shape) > 1 << 60:
        raise UserError(f"{where}: an array {shape!s:.80}, which cannot be. {_MENDED}")
    return shape, dtype
