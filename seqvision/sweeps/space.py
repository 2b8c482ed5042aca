"""What a search may choose: ranges on linear and logarithmic scales, whole numbers, and choices.

Every axis is seen as [0, 1]: `at` gives the value at a share of it, `share` the place of a value.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqvision.errors import UserError

SCALES = ("linear", "log")


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; of whole numbers each has an equal part of the scale, the ends too."""

    low: int | float
    high: int | float
    scale: str = "linear"
    integer: bool = False

    def at(self, share: int | float) -> int | float:
        low, high = self._bounds
        if self.scale == "log":
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        if self.integer:
            return int(min(max(round(value), self.low), self.high))
        # as it is written into the command, so that the record says what was trained
        return float(f"{value:.5g}")

    def share(self, value: int | float) -> float:
        low, high = self._bounds
        if self.scale == "log":
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)

    @property
    def _bounds(self) -> tuple[int | float, int | float]:
        """Where the scale begins and ends: what is rounded to a whole number lies within a half of it."""
        return (self.low - 0.5, self.high + 0.5) if self.integer else (self.low, self.high)

    def described(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "scale": self.scale, "integer": self.integer}


@dataclass(frozen=True)
class Choice:
    """One of several values, or of a group's choices."""

    values: tuple[Any, ...]

    def at(self, share: int | float) -> Any:
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def share(self, value: Any) -> float:
        return (self.values.index(value) + 0.5) / len(self.values)

    def described(self) -> list[Any]:
        return list(self.values)


class Space:
    """Axes by key. `read`: {key: [value, …]} for choices, {key: {low: …, high: …, scale: log, integer: true}}."""

    def __init__(self, read: Mapping[str, Any]):
        if not read:
            raise UserError("sweep.space is empty; expected {optimizer.lr: {low: 1e-5, high: 1e-1, scale: log}, …}")
        self.axes = {key: _axis(key, entry) for key, entry in read.items()}

    def at(self, shares: Sequence[int | float]) -> dict[str, Any]:
        """The values at one share an axis."""
        return {key: axis.at(share) for (key, axis), share in zip(self.axes.items(), shares, strict=True)}

    def shares(self, values: Mapping[str, Any]) -> list[float]:
        """The places of the values."""
        return [axis.share(values[key]) for key, axis in self.axes.items()]

    def every_choice(self) -> list[dict[str, Any]]:
        """Values that name every key, and every choice at least once."""
        most = max([len(axis.values) for axis in self.axes.values() if isinstance(axis, Choice)], default=1)
        return [
            {
                key: axis.values[min(number, len(axis.values) - 1)] if isinstance(axis, Choice) else axis.low
                for key, axis in self.axes.items()
            }
            for number in range(most)
        ]

    def edges(self, values: Mapping[str, Any], *, within: float = 0.03) -> list[str]:
        """A sentence for each range at whose edge the values lie, so near that what is beyond may be better."""
        found = []
        for key, axis in self.axes.items():
            if isinstance(axis, Range):
                share = axis.share(values[key])
                if min(share, 1 - share) <= within or values[key] in (axis.low, axis.high):
                    end, beyond = ("low", "below") if share < 0.5 else ("high", "above")
                    found.append(
                        f"the best lies at the edge of {key}'s range ({values[key]:.4g}, {end} is "
                        f"{axis.low if end == 'low' else axis.high:.4g}): widen it, better ones may lie {beyond}"
                    )
        return found

    def described(self) -> dict[str, Any]:
        """Plain data, to be read again."""
        return {key: axis.described() for key, axis in self.axes.items()}


def overrides_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The values as overrides."""
    return tuple(f"{key}={written(value)}" for key, value in values.items())


def written(value: Any) -> str:
    """A value as the command line reads it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(written(each) for each in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, float):
        return f"{value:.5g}"
    text = str(value)
    plain = text and all(letter.isalnum() or letter in "_-./:" for letter in text)
    return text if plain else "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _axis(key: str, entry: Any) -> Range | Choice:
    example = f"expected {key}: [value, …] or {key}: {{low: 1e-5, high: 1e-1, scale: log}}"
    if isinstance(entry, list | tuple):
        if not entry:
            raise UserError(f"sweep.space: {key} has no choices; {example}")
        return Choice(tuple(entry))
    if not isinstance(entry, Mapping) or not {"low", "high"} <= set(entry) <= {"low", "high", "scale", "integer"}:
        raise UserError(f"sweep.space: {key} is {entry!r}; {example}, with integer: true for whole numbers")
    axis = Range(**entry)
    if axis.scale not in SCALES:
        raise UserError(f"sweep.space: {key} has the scale '{axis.scale}'; expected {' or '.join(SCALES)}")
    if not axis.low < axis.high:
        raise UserError(f"sweep.space: {key} goes from {axis.low} to {axis.high}; expected low below high")
    if axis.scale == "log" and axis.low <= 0:
        raise UserError(f"sweep.space: {key} begins at {axis.low}; a logarithmic scale needs low above 0")
    return axis
