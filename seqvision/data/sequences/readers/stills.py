"""Pictures in NumPy arrays and files, as a recording that needs no decoder."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqvision.data.core.arrays import open_npy, read_npz
from seqvision.data.pictures import MAX_PIXELS
from seqvision.data.sequences.readers.recording import Fitting, Recording, expect_frames
from seqvision.data.sequences.records import Source
from seqvision.errors import UserError

SUFFIXES = frozenset({".npy", ".npz"})


@dataclass(frozen=True, eq=False)
class Stills(Recording):
    """Frames that lie in an array, or that are read from a file when they are asked for."""

    frames: np.ndarray

    def pixels(self, first: int, last: int, wanted: set[int], fitting: Fitting) -> Iterator[tuple[int, np.ndarray]]:
        for number in range(first, min(last + 1, len(self))):
            if number in wanted:
                frame = np.ascontiguousarray(self.frames[number])
                yield number, fitting.apply(frame[:, :, None] if frame.ndim == 2 else frame)


def is_stills(source: Source) -> bool:
    """Whether a source is an array of pictures, or a file of one."""
    return isinstance(source, np.ndarray) or Path(source).suffix.lower() in SUFFIXES


def stills(source: Source) -> Stills:
    """The pictures of an array, of a .npy file (mapped, not read), or of `frames` in an .npz file with its `rate`.

    UserError for what is no uint8 array of (time, height, width) or (time, height, width, 1 or 3).
    """
    name, rate = "the array of pictures", None
    if isinstance(source, np.ndarray):
        frames = source
    else:
        name = str(source)
        frames, rate = _load(Path(source))
    right = frames.dtype == np.uint8 and (frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] in (1, 3)))
    if not right:
        raise UserError(
            f"{name}: {frames.dtype} {frames.shape}, expected pictures as uint8 of (time, height, width) or "
            "(time, height, width, 1 or 3)."
        )
    if not len(frames):
        raise UserError(f"{name}: holds no frame. Leave it out.")
    height, width = frames.shape[1:3]
    if not 0 < height * width <= MAX_PIXELS:
        raise UserError(f"{name}: frames of {width} x {height} pixels, expected 1 to {MAX_PIXELS}. Leave it out.")
    expect_frames(name, len(frames))
    times = np.arange(len(frames)) / (rate or 1.0)
    return Stills(name, times, len(frames) / (rate or 1.0), rate, len(frames), (width, height), frames)


def _load(path: Path) -> tuple[np.ndarray, float | None]:
    if path.suffix.lower() == ".npy":
        return open_npy(path), None
    held = read_npz(path, "frames", "rate")
    if "rate" not in held:
        return held["frames"], None
    rate = float(held["rate"]) if held["rate"].size == 1 else math.nan
    if not 0 < rate < math.inf:
        raise UserError(f"{path}: `rate` is {str(held['rate'])[:60]}, expected the frames a second, a number above 0.")
    return held["frames"], rate
