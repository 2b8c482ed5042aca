"""Whether JSON from a file has the form that its readers rely on, with the key to name where it has not."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from seqvision.errors import UserError

LARGEST = 1e100  # of a number that is shown: figures and formats fail on what nothing measures


class Shape(NamedTuple):
    """What a value may be: the test of it, and what it is called."""

    fits: Callable[[Any], bool]
    said: str


TEXT = Shape(lambda value: isinstance(value, str), "a text")
COUNT = Shape(lambda value: type(value) is int and 0 <= value < LARGEST, "a whole number of 0 or more")
FINITE = Shape(lambda value: is_number(value) and math.isfinite(value), "a finite number")
NUMBER = Shape(lambda value: is_number(value) or (isinstance(value, float) and not math.isfinite(value)), "a number")


INTEGER = Shape(lambda value: type(value) is int and abs(value) < LARGEST, "a whole number")
ANY = Shape(lambda value: True, "anything")
FOLDER = Shape(
    lambda value: isinstance(value, str) and not Path(value).is_absolute() and ".." not in Path(value).parts,
    "a folder below this one",
)


def is_number(value: Any) -> bool:
    """Whether it is a number that can be shown; NaN and infinity are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def or_null(shape: Shape) -> Shape:
    return Shape(lambda value: value is None or shape.fits(value), f"{shape.said} or null")


def one_of(*values: str) -> Shape:
    return Shape(lambda value: isinstance(value, str) and value in values, f"one of {', '.join(values)}")


def list_of(shape: Shape, *, least: int = 0, most: int | None = None) -> Shape:
    def fits(value: Any) -> bool:
        right = isinstance(value, list) and least <= len(value) <= (most or len(value))
        return right and all(map(shape.fits, value))

    return Shape(fits, f"a list{f' of {least} or more' if least else ''}, each {shape.said}")


def by_name(shape: Shape) -> Shape:
    return Shape(
        lambda value: isinstance(value, dict) and all(map(shape.fits, value.values())), f"by name {shape.said}"
    )


def entries(shapes: Mapping[str, Shape]) -> Shape:
    def fits(value: Any) -> bool:
        return isinstance(value, dict) and not any(_faults(value, shapes))

    return Shape(fits, f"an object with {', '.join(shapes)}")


def check_shapes(found: Mapping[str, Any], shapes: Mapping[str, Shape], file: Path, advice: str) -> None:
    """Raises a `UserError` for the first key that is missing or has another value than readers can take."""
    for key in _faults(found, shapes):
        what = f"{key} is {str(found[key])[:60]!r}" if key in found else f"the key '{key}' is missing"
        raise UserError(f"{file}: {what}; expected {shapes[key].said}. {advice}")


def _faults(found: Mapping[str, Any], shapes: Mapping[str, Shape]) -> list[str]:
    return [key for key, shape in shapes.items() if key not in found or not shape.fits(found[key])]
