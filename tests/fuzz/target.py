"""A reader with valid files for it, and what several of them stand on."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Files = dict[str, bytes]


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        files: Valid files by their names in the folder.
        read: Reads a folder with such files, or with one of them damaged.
        mutable: Whether a file is damaged; all are by default.
    """

    files: Callable[[], Files]
    read: Callable[[Path], object]
    mutable: Callable[[str], bool] = lambda name: True


def picture(shade: int = 0, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(8 * 6 * 3, dtype=np.uint8).reshape(6, 8, 3) + np.uint8(shade)).save(out, kind)
    return out.getvalue()


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(array))
    return out.getvalue()


PICTURES = {f"{name}.png": picture(20 * number) for number, name in enumerate("abcd")}
TEXTS = dict(zip("abcd", ("A dog.", "A cat, asleep.", "A cow.", "Two birds."), strict=True))


def no_picture(name: str) -> bool:
    return not name.endswith(".png")


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file
