"""What reads a sequence's frames: the same object in training, in validation and on a user's own files."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from seqvision.data.sequences.records import Source


class FrameReader:
    """A source's frames as one tensor (time, …): tokens (time,), features (time, features) as float32, or pictures
    (time, channels, height, width) as uint8.

    A subclass is a frozen dataclass of plain values, so that `settings` can travel in a checkpoint.
    """

    def read(self, source: Source, start: int = 0, stop: int | None = None) -> Tensor:
        """The frames from `start` up to `stop` (all by default)."""
        raise NotImplementedError

    def length(self, source: Source) -> int:
        """The number of frames, without reading them where that can be had."""
        return len(self.read(source))

    def rate(self, source: Source) -> float | None:
        """Frames a second; None for what has no clock."""
        return None

    def fitted(self, sources: Iterable[Source]) -> "FrameReader":
        """This reader with what it has to learn from the training sources (a vocabulary, a number of features)."""
        return self

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """() for tokens, (features,), or (channels, height, width)."""
        raise NotImplementedError

    @property
    def sizes(self) -> dict[str, int]:
        """What a network's front has to know of the frames; pictures bring their own size."""
        return {"features": self.frame_shape[0]} if len(self.frame_shape) == 1 else {}

    def settings(self) -> dict[str, Any]:
        """All that `from_settings` needs to make an equal reader: plain data."""
        raise NotImplementedError

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "FrameReader":
        raise NotImplementedError
