"""What reads a sequence's frames: the same object in training, in validation and on a user's own files."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from torch import Tensor

from seqvision.data.sequences.records import Source
from seqvision.errors import UserError
from seqvision.signatures import arguments_of, expected_by, fits, suggestion


class FrameReader:
    """A source's frames as one tensor (time, …): tokens (time,), features (time, features) as float32, or pictures
    (time, channels, height, width) as uint8.

    A subclass is a frozen dataclass of plain values, so that `settings` can travel in a checkpoint.

    adjustable: options that may be changed after training, since frames stay of the kind that the network was made for.
    """

    adjustable: ClassVar[frozenset[str]] = frozenset()

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

    def adjusted(self, changes: Mapping[str, Any]) -> "FrameReader":
        """This reader with other values of `adjustable` options."""
        kinds, _ = arguments_of(type(self))
        for name, value in changes.items():
            if name not in self.adjustable:
                why = "stays as in training" if name in kinds else "no such option of this model's reader"
                raise UserError(
                    f"data.reader.{name}: {why}. What can be changed after training: "
                    f"{', '.join(sorted(self.adjustable)) or 'nothing'}. {suggestion(name, self.adjustable)}".rstrip()
                )
            if not fits(value, kinds[name]):
                raise UserError(f"data.reader.{name} is {value!r}, expected {expected_by(kinds[name], value)}")
        return replace(self, **changes)  # type: ignore[type-var]

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
