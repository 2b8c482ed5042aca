"""Canvases with other pictures laid on them: one moved about, with pieces of others strewn round it, several in a row.

The tasks of Mnih et al., "Recurrent Models of Visual Attention" (2014), section 4.1, and of Ba, Mnih and Kavukcuoglu,
"Multiple Object Recognition with Visual Attention" (2015), section 4.1, of any pictures with a class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from seqvision.errors import UserError

TRIES = 100  # of places for one picture, before all of the canvas is begun anew


@dataclass(frozen=True)
class Composer:
    """A canvas, drawn anew at every call from a pool of small pictures, and the classes of what lies on it.

    size      pixels a side, or (height, width)
    count     how many pictures lie on it, from and to
    label     "string": their classes from left to right; "sum": the number that their classes, as numbers, add up to
    arrange   "anywhere", without covering each other's inner three quarters; "row": one behind the other from left to
              right, each moved up or down
    gap       pixels between the pictures of a row, from and to; negative ones overlap
    clutter   pieces cut from other pictures of the pool, laid under what is to be read, `piece` pixels a side

    Where pictures overlap the lighter pixel counts, so the pool must be light on dark, and the canvas is black.
    """

    size: int | Sequence[int] = 60
    count: Sequence[int] = (1, 1)
    label: str = "string"
    arrange: str = "anywhere"
    gap: Sequence[int] = (-4, 2)
    clutter: int = 0
    piece: int = 8

    def __post_init__(self) -> None:
        if self.label not in ("string", "sum"):
            raise UserError(f"data.compose.label is '{self.label}', expected 'string' or 'sum'")
        if self.arrange not in ("anywhere", "row"):
            raise UserError(f"data.compose.arrange is '{self.arrange}', expected 'anywhere' or 'row'")
        if not 1 <= self.count[0] <= self.count[1]:
            raise UserError(f"data.compose.count is {list(self.count)}, expected two numbers of pictures, from and to")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the canvas."""
        return (self.size, self.size) if isinstance(self.size, int) else (self.size[0], self.size[1])

    def __call__(self, pictures: Sequence[np.ndarray], rng: Random) -> tuple[np.ndarray, list[int]]:
        """The canvas, uint8 (height, width) or (height, width, channels), and the places in the pool of the pictures on
        it, from left to right."""
        canvas = np.zeros((*self.shape, *pictures[0].shape[2:]), np.uint8)
        for _ in range(self.clutter):
            self._strew(canvas, pictures[rng.randrange(len(pictures))], rng)
        number = rng.randint(self.count[0], self.count[1])
        chosen = [rng.randrange(len(pictures)) for _ in range(number)]
        places = self._places([pictures[index].shape[:2] for index in chosen], rng)
        for index, (top, left) in zip(chosen, places, strict=True):
            _lay(canvas, pictures[index], top, left)
        middles = [left + pictures[index].shape[1] / 2 for index, (_, left) in zip(chosen, places, strict=True)]
        return canvas, [chosen[place] for place in sorted(range(number), key=middles.__getitem__)]

    def _strew(self, canvas: np.ndarray, picture: np.ndarray, rng: Random) -> None:
        side = min(self.piece, *picture.shape[:2])
        top, left = (rng.randrange(length - side + 1) for length in picture.shape[:2])
        piece = picture[top : top + side, left : left + side]
        _lay(canvas, piece, *(rng.randrange(length - side + 1) for length in self.shape))

    def _places(self, shapes: Sequence[tuple[int, int]], rng: Random) -> list[tuple[int, int]]:
        """Left upper corners, so that everything lies inside."""
        height, width = self.shape
        if any(h > height or w > width for h, w in shapes):
            raise UserError(
                f"data.compose.size is {height} x {width} pixels, too small for a picture of "
                f"{max(h for h, _ in shapes)} x {max(w for _, w in shapes)}; make it larger"
            )
        return self._in_a_row(shapes, rng) if self.arrange == "row" else self._anywhere(shapes, rng)

    def _in_a_row(self, shapes: Sequence[tuple[int, int]], rng: Random) -> list[tuple[int, int]]:
        height, width = self.shape
        gaps = [rng.randint(self.gap[0], self.gap[1]) for _ in shapes[1:]]
        total = sum(w for _, w in shapes) + sum(gaps)
        if total > width:
            gaps = [gap - -(-(total - width) // len(gaps)) for gap in gaps]  # closer together rather than cut off
            total = sum(w for _, w in shapes) + sum(gaps)
        left = rng.randrange(max(0, width - total) + 1)
        places = []
        for (h, w), gap in zip(shapes, [*gaps, 0], strict=True):
            places.append((rng.randrange(height - h + 1), max(0, min(left, width - w))))
            left += w + gap
        return places

    def _anywhere(self, shapes: Sequence[tuple[int, int]], rng: Random) -> list[tuple[int, int]]:
        height, width = self.shape
        for _ in range(TRIES):
            places: list[tuple[int, int]] = []
            for h, w in shapes:
                for _ in range(TRIES):
                    top, left = rng.randrange(height - h + 1), rng.randrange(width - w + 1)
                    if all(
                        abs(top - t) >= 0.75 * (h + a) / 2 or abs(left - x) >= 0.75 * (w + b) / 2
                        for (t, x), (a, b) in zip(places, shapes, strict=False)
                    ):
                        places.append((top, left))
                        break
            if len(places) == len(shapes):
                return places
        raise UserError(
            f"data.compose: {len(shapes)} pictures do not fit on a canvas of {height} x {width} pixels without "
            "covering each other; make data.compose.size larger or data.compose.count smaller"
        )


def _lay(canvas: np.ndarray, picture: np.ndarray, top: int, left: int) -> None:
    height, width = picture.shape[:2]
    part = canvas[top : top + height, left : left + width]
    np.maximum(part, picture, out=part)
