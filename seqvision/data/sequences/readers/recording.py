"""What was recorded, before it is sampled: when each frame is shown, and its pixels brought to one size."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from seqvision.errors import UserError

Size = tuple[int, int]  # width, height
MAX_FRAMES = 10_000_000  # of a recording: 92 hours at 30 a second


def expect_frames(name: str, count: int | float) -> None:
    """Raises a `UserError` where a recording has, or is sampled to, more frames than anything should."""
    if not count <= MAX_FRAMES:
        raise UserError(
            f"{name}: {count:.0f} frames, more than the limit of {MAX_FRAMES}. Cut it into pieces, lower "
            "data.reader.frame_rate if it is set, or copy the file again: its time stamps may be damaged."
        )


@dataclass(frozen=True)
class Fitting:
    """How frames become pictures of one size and kind.

    size      width and height; None: as they are
    fit       "stretch" changes the sides' ratio, "pad" shows the whole frame between black borders, "crop" its middle
              without borders
    channels  3 or 1
    """

    size: Size | None = None
    fit: str = "stretch"
    channels: int = 3

    def inner(self, size: Size, aspect: float = 1.0) -> Size:
        """What a frame of `size`, whose pixels are `aspect` times as wide as high, is resized to before `place`."""
        if self.size is None or self.fit == "stretch":
            return self.size or size
        wide = size[0] * aspect
        ratios = (self.size[0] / wide, self.size[1] / size[1])
        scale = min(ratios) if self.fit == "pad" else max(ratios)
        return max(1, round(wide * scale)), max(1, round(size[1] * scale))

    def place(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (height, width, channels) of the inner size, centred in the outer one: cut, or with black borders."""
        high, wide = pixels.shape[:2]
        width, height = self.size or (wide, high)
        if (wide, high) == (width, height):
            return pixels
        left, top = abs(width - wide) // 2, abs(height - high) // 2
        if wide >= width and high >= height:
            return pixels[top : top + height, left : left + width]
        framed = np.zeros((height, width, pixels.shape[2]), dtype=np.uint8)
        framed[top : top + high, left : left + wide] = pixels
        return framed

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels of any size, (height, width, 1 or 3), in this size and these channels."""
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        picture = picture.convert("L" if self.channels == 1 else "RGB")
        inner = self.inner(picture.size)
        if picture.size != inner:
            picture = picture.resize(inner, Image.Resampling.BICUBIC)
        return self.place(np.asarray(picture).reshape(*inner[::-1], self.channels))


@dataclass(frozen=True, eq=False)
class Recording:
    """The frames of a source and their times.

    name      for messages
    times     seconds of each frame after the first one, in the order in which they are shown
    duration  seconds until the last frame ends
    rate      frames a second, on average; None where nobody says
    declared  the number of frames that the source promises: more than there are times where it was cut off
    size      width and height as stored, before a frame is turned upright
    """

    name: str
    times: np.ndarray
    duration: float
    rate: float | None
    declared: int
    size: Size

    def __len__(self) -> int:
        return len(self.times)

    @property
    def even(self) -> bool:
        """Whether every frame comes within a frame of where an even rate would have it."""
        last = len(self) - 1
        return last < 2 or bool(np.abs(self.times * (last / self.times[-1]) - np.arange(last + 1)).max() <= 1)

    def shown_at(self, rate: int | float) -> np.ndarray:
        """The numbers of the frames that are shown at 0, 1, 2, … `rate`-ths of a second.

        A tenth of a step is forgiven, since files round their time stamps.
        """
        expect_frames(self.name, self.duration * rate)
        count = max(1, int(np.ceil(self.duration * rate - 0.1)))
        moments = (np.arange(count) + 0.1) / rate
        return np.maximum(np.searchsorted(self.times, moments, side="right") - 1, 0)

    def upright_size(self) -> Size:
        """Width and height of the frames as people see them."""
        return self.size

    def pixels(self, first: int, last: int, wanted: set[int], fitting: Fitting) -> Iterator[tuple[int, np.ndarray]]:
        """Those of the frames first … last that are wanted, with their numbers: uint8 (height, width, channels).

        Frames that cannot be decoded are passed over; ends early where the source does.
        """
        raise NotImplementedError
