"""What labels are made of, and how they become numbers: one class, or a string read symbol by symbol."""

from collections.abc import Sequence
from typing import Any

from seqvision.errors import UserError
from seqvision.wording import counted


class Symbols:
    """The names that labels are made of, and how they become numbers.

    most: how many a label has at most. several: labels differ in length; an end mark, the last class, closes them.
    backward: labels are read from the last symbol to the first.
    """

    def __init__(self, names: Sequence[str], *, most: int = 1, several: bool = False, backward: bool = False):
        self.names = tuple(names)
        self.most = most
        self.several = several
        self.backward = backward
        self.places = {name: place for place, name in enumerate(self.names)}

    @property
    def classes(self) -> int:
        """How many classes a network has to tell apart, the end mark included."""
        return len(self.names) + self.several

    @property
    def objects(self) -> int:
        """How many classes a label is at most, the end mark included."""
        return self.most + self.several

    @property
    def end(self) -> int | None:
        """The class of the end mark, None where there is none."""
        return len(self.names) if self.several else None

    def split(self, label: str | None) -> list[str]:
        """A label's symbols, see `split_label`; where one is all that there is, the label itself."""
        if label is not None and self.objects == 1:
            return [label]
        return split_label(label, self.names)

    def encode(self, names: Sequence[str]) -> list[int]:
        """The classes of a label's symbols."""
        found = [self.places[name] for name in names]
        return [*(found[::-1] if self.backward else found), *([len(self.names)] if self.several else [])]

    def decode(self, classes: Sequence[int]) -> list[str]:
        """The symbols up to the end mark."""
        found = []
        for place in classes:
            if not 0 <= place < len(self.names):
                break
            found.append(self.names[place])
        return found[::-1] if self.backward else found

    def settings(self) -> dict[str, Any]:
        """What a checkpoint keeps: plain data."""
        return {"names": list(self.names), "most": self.most, "several": self.several, "backward": self.backward}

    def __str__(self) -> str:
        if self.objects == 1:
            return counted(len(self.names), "class", plural="classes")
        lengths = f"1 to {self.most}" if self.several else str(self.most)
        order = ", from the last to the first" * self.backward
        return f"strings of {lengths} of {counted(len(self.names), 'symbol')}{order}"


def split_label(label: str | None, classes: Sequence[str]) -> list[str]:
    """A label's symbols: itself where it is a class, its characters otherwise; none where nobody said."""
    if label is None:
        return []
    if label in classes:
        return [label]
    return list(label) if one_letter_each(classes) else label.split()


def written(symbols: Sequence[str], classes: Sequence[str]) -> str:
    """The label of these symbols: their names one behind the other, with blanks between where they are words."""
    return ("" if one_letter_each(classes) else " ").join(symbols)


def one_letter_each(classes: Sequence[str]) -> bool:
    """Whether every class's name is a single character."""
    return all(len(name) == 1 for name in classes)


def sums_of(classes: Sequence[str], count: Sequence[int]) -> tuple[str, ...]:
    """The names of all sums of that many classes, which must be whole numbers."""
    if not all(name.isdecimal() for name in classes):
        raise UserError(
            f"data.compose.label=sum adds classes up, which must be numbers; they are: {', '.join(classes[:10])}. "
            "Take data.compose.label=string"
        )
    numbers = [int(name) for name in classes]
    return tuple(str(value) for value in range(count[0] * min(numbers), count[1] * max(numbers) + 1))
