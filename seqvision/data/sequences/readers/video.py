"""Videos as sequences of pictures."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from seqvision.data.core.arrays import expect_memory
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.readers.footage import Footage, decode, footage
from seqvision.data.sequences.readers.recording import Fitting, Recording
from seqvision.data.sequences.readers.stills import is_stills, stills
from seqvision.data.sequences.records import Source
from seqvision.data.transforms import FITS
from seqvision.errors import UserError

CHUNK = 64  # frames
GREY = 128  # of no difference
MAGNIFIED = 4  # times: from one frame to the next little changes


@dataclass(frozen=True)
class VideoReader(FrameReader):
    """A video (any file that FFmpeg reads, or NumPy pictures) as uint8 (time, channels, height, width), upright.

    width, height     of the frames that come out; None: the video's own, of which there must be only one
    fit               "stretch", "pad" (black borders) or "crop", where the sides' ratio differs
    channels          3 for colour, 1 for grey
    frame_rate        sampled at so many frames a second by the video's time stamps; None: every frame as it comes
    stride            of those, only each stride-th
    differences       in place of each frame how it differs from the one before, `MAGNIFIED` times, around grey: what
                      moves is seen, and a background that stands still is not (Wang et al., 2016, section 3.2: RGB
                      difference). The first frame of a video is all grey
    on_truncated      "error", or "keep" what came of a video that was cut off
    on_variable_rate  what to do with a video whose frames are not evenly spaced, where frame_rate is None: "error", or
                      "keep" every frame as if they were

    NumPy pictures are uint8 (time, height, width) or (time, height, width, 1 or 3): an array, a .npy file, or an .npz
    file with them as `frames` and, if known, the frames a second as `rate`. They need no PyAV.

    H.264 of 96 x 48 pixels comes at 5,000 to 9,000 frames a second on one core, at any small size.
    """

    adjustable: ClassVar[frozenset[str]] = frozenset(
        {"fit", "frame_rate", "stride", "on_truncated", "on_variable_rate"}
    )

    width: int | None = None
    height: int | None = None
    fit: str = "stretch"
    channels: int = 3
    frame_rate: int | float | None = None
    stride: int = 1
    differences: bool = False
    on_truncated: str = "error"
    on_variable_rate: str = "error"

    def __post_init__(self) -> None:
        for name, known in (
            ("fit", FITS),
            ("on_truncated", ("error", "keep")),
            ("on_variable_rate", ("error", "keep")),
        ):
            if getattr(self, name) not in known:
                raise UserError(f"data.reader.{name} is '{getattr(self, name)}', expected one of {', '.join(known)}")
        if self.channels not in (1, 3):
            raise UserError(f"data.reader.channels is {self.channels}, expected 3 (colour) or 1 (grey)")
        if (self.width is None) != (self.height is None):
            raise UserError("data.reader: only one of width and height is set. Set both, or none.")
        if self.width is not None and self.height is not None and min(self.width, self.height) < 1:
            raise UserError(f"data.reader: {self.width} x {self.height} pixels; expected 1 or more a side")
        if self.frame_rate is not None and not 0 < self.frame_rate < float("inf"):
            raise UserError(f"data.reader.frame_rate is {self.frame_rate}, expected frames a second, above 0")
        if self.stride < 1:
            raise UserError(f"data.reader.stride is {self.stride}, expected 1 or more")

    def read(
        self, source: Source, start: int = 0, stop: int | None = None
    ) -> UInt8[Tensor, "time channels height width"]:
        for frames in self._chunks(source, start, stop, size=None):
            return frames
        return torch.empty(0, *self.frame_shape, dtype=torch.uint8)

    def read_chunks(
        self, source: Source, start: int = 0, stop: int | None = None, *, size: int = CHUNK
    ) -> Iterator[UInt8[Tensor, "time channels height width"]]:
        """The same frames, at most `size` at a time, so that a video of any length can be gone through."""
        return self._chunks(source, start, stop, size=size)

    def length(self, source: Source) -> int:
        return len(self.frame_numbers(source))

    def rate(self, source: Source) -> float | None:
        rate = self.frame_rate or self.recorded(source).rate
        return rate / self.stride if rate else None

    def recorded(self, source: Source) -> Recording:
        """What the source holds before it is sampled: its frames' `times` in seconds, their `rate`, its `size`."""
        if is_stills(source):
            return stills(source)
        film = footage(_path(source))
        if self.on_truncated == "keep":
            return _kept(film)
        if film.declared > len(film):
            raise _truncated(film, len(film))
        return film

    def frame_numbers(self, source: Source) -> np.ndarray:
        """For each frame that `read` gives, its number among the frames that were recorded."""
        film = self.recorded(source)
        if self.frame_rate is not None and film.rate is None:
            raise UserError(
                f"{film.name}: no frame rate is known for it, so that it cannot be sampled at data.reader.frame_rate="
                f"{self.frame_rate:g}. Leave that out, or store the pictures as .npz with `frames` and `rate`."
            )
        if self.frame_rate is not None:
            return film.shown_at(self.frame_rate)[:: self.stride]
        if self.on_variable_rate == "error" and not film.even:
            steps = np.diff(film.times)
            raise UserError(
                f"{film.name}: a variable frame rate, frames are {steps.min() * 1000:.0f} to {steps.max() * 1000:.0f} "
                f"ms apart. Sample it evenly with data.reader.frame_rate={round(film.rate or 25)}, or take each frame "
                "as it comes with data.reader.on_variable_rate=keep."
            )
        return np.arange(0, len(film), self.stride)

    def fitted(self, sources: Iterable[Source]) -> "VideoReader":
        """This reader with the size of the training videos. UserError where they are of several sizes."""
        if self.width is not None:
            return self
        seen: dict[tuple[int, int], Source] = {}
        for source in sources:
            seen.setdefault(self.recorded(source).upright_size(), source)
            if len(seen) > 1:
                (one, here), (other, there) = [
                    (f"{w} x {h}", (s if isinstance(s, str | Path) else "an array")) for (w, h), s in seen.items()
                ]
                width, height = next(iter(seen))
                raise UserError(
                    f"videos of several sizes: {here} is {one}, {there} is {other} pixels. Bring them to one, e.g. "
                    f"with data.reader.width={width} data.reader.height={height}."
                )
        width, height = next(iter(seen))
        return replace(self, width=width, height=height)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        if self.width is None or self.height is None:
            raise RuntimeError("this VideoReader knows no size yet: set width and height, or call fitted(videos) first")
        return (self.channels, self.height, self.width)

    def settings(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "VideoReader":
        return cls(**settings)

    def _chunks(self, source: Source, start: int, stop: int | None, *, size: int | None) -> Iterator[Tensor]:
        """The frames in tensors of `size` (None: all in one), channels last in memory as decoders write them."""
        numbers = self.frame_numbers(source)
        start, stop, _ = slice(start, stop).indices(len(numbers))
        wanted = numbers[start:stop]
        size = len(wanted) if size is None else size
        if self.differences and len(wanted):
            frames = _differences(
                self._frames(self.recorded(source), numbers[max(0, start - 1) : stop]), first=not start
            )
        else:
            frames = self._frames(self.recorded(source), wanted)
        for begin in range(0, len(wanted), max(1, size)):
            count = min(size, len(wanted) - begin)
            first = next(frames)
            advice = (
                "Take fewer: data.window, data.reader.frame_rate or stride, a smaller data.reader.width and height."
            )
            expect_memory(self.recorded(source).name, count * first.size, advice)
            chunk = np.empty((count, *first.shape), dtype=np.uint8)
            chunk[0] = first
            for place in range(1, count):
                frame = next(frames)
                if frame.shape != first.shape:
                    raise _resized(self.recorded(source), int(wanted[begin + place]), first, frame)
                chunk[place] = frame
            yield torch.from_numpy(chunk).permute(0, 3, 1, 2)

    def _frames(self, film: Recording, wanted: np.ndarray) -> Iterator[np.ndarray]:
        """A picture for each of the wanted numbers, which do not fall; a damaged frame looks like the one before."""
        places = iter(wanted.tolist())
        place = next(places, None)
        before, came = None, 0
        if place is None:
            return
        for number, pixels in film.pixels(place, int(wanted[-1]), set(wanted.tolist()), self._fitting):
            while place is not None and place <= number:
                if place < number and self.on_truncated == "error":
                    raise UserError(
                        f"{film.name}: frame {place} of {film.declared} cannot be decoded. Copy the file again, or "
                        "show the frame before it in its place with data.reader.on_truncated=keep."
                    )
                yield pixels if place == number or before is None else before
                place = next(places, None)
            before, came = pixels, number + 1
        if place is not None:
            raise _truncated(film, came)

    @property
    def _fitting(self) -> Fitting:
        size = None if self.width is None or self.height is None else (self.width, self.height)
        return Fitting(size, self.fit, self.channels)


def _differences(frames: Iterator[np.ndarray], *, first: bool) -> Iterator[np.ndarray]:
    """How each frame differs from the one before; the first one, if it has none before it, is without difference."""
    before = next(frames)
    if first:
        yield np.full_like(before, GREY)
    for frame in frames:
        if frame.shape == before.shape:  # else what takes the frames refuses it
            change = MAGNIFIED * (frame.astype(np.int16) - before)
            yield (GREY + change).clip(0, 255).astype(np.uint8)
        else:
            yield frame
        before = frame


def _path(source: Source) -> Path:
    if isinstance(source, np.ndarray):
        raise AssertionError("an array is no file")
    return Path(source)


def _truncated(film: Recording, came: int) -> UserError:
    return UserError(
        f"{film.name}: the video ends early: {came} of {film.declared} frames came. Copy the file again, or use what "
        "is there with data.reader.on_truncated=keep."
    )


def _resized(film: Recording, number: int, before: np.ndarray, now: np.ndarray) -> UserError:
    (height, width), (high, wide) = before.shape[:2], now.shape[:2]
    return UserError(
        f"{film.name}: the size changes from {width} x {height} to {wide} x {high} pixels at frame {number}. Bring all "
        f"frames to one size with data.reader.width={width} data.reader.height={height}."
    )


@lru_cache(maxsize=1024)
def _kept(film: Footage) -> Footage:
    """The footage up to the last frame that can be decoded."""
    came = max((number for number, _ in decode(film, 0, len(film) - 1)), default=-1) + 1
    if not came:
        raise UserError(f"{film.name}: none of its {film.declared} frames can be decoded. Leave it out.")
    if came == len(film):
        return film
    step = film.duration - float(film.times[-1])
    times, shown = film.times[:came], film.shown[:came]
    return replace(film, times=times, duration=float(times[-1]) + step, shown=shown)
