"""Scenes by chance: any one of them alone, in any order and in any process, from (seed, split, index)."""

from itertools import combinations
from math import dist

import numpy as np

from seqvision.data.scenes.scene import COLOURS, SHAPES, SIZES, TEXTURES, Scene, SceneObject
from seqvision.errors import UserError

SPLITS = ("train", "val", "test", "combinations")

HELD_OUT = frozenset((COLOURS[(3 * i + 5) % len(COLOURS)], shape) for i, shape in enumerate(SHAPES))
"""(colour, shape) pairs that only the split `combinations` shows: each colour and each shape once, a Latin pattern."""

CENTRES = (0.22, 0.5, 0.78)
JITTER = 0.04
RADIUS = {"small": 0.1, "large": 0.15}
EXTENT = 1.15
"""How far the furthest corner of an outline lies from the centre, in radii."""

RGB = {
    "red": (214, 36, 40),
    "orange": (246, 134, 22),
    "yellow": (247, 214, 30),
    "green": (44, 158, 66),
    "blue": (38, 92, 214),
    "purple": (124, 52, 172),
    "pink": (246, 132, 184),
    "black": (38, 38, 44),
}


def make_scene(seed: int, index: int, split: str = "train") -> Scene:
    """The scene number `index` of a split, always the same for the same three arguments.

    One to three objects, no two alike in colour and shape, none overlapping, each in a place of its own. Only
    `combinations` has pairs from `HELD_OUT`, and every scene of it has one.
    """
    if split not in SPLITS:
        raise UserError(f"scenes: no split {split!r}; expected one of {', '.join(SPLITS)}")
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    number = int(rng.choice([1, 2, 3], p=[0.15, 0.4, 0.45]))
    pairs = _pairs(rng, number, held_out=split == "combinations")
    sizes = [str(rng.choice(SIZES)) for _ in pairs]
    radii = [RADIUS[size] * rng.uniform(0.97, 1.03) for size in sizes]
    objects = tuple(
        SceneObject(
            shape=shape,
            colour=colour,
            size=size,
            texture=str(rng.choice(TEXTURES)),
            x=round(x, 4),
            y=round(y, 4),
            radius=round(radius, 4),
            tilt=round(rng.uniform(-9, 9), 2),
            tint=_tint(rng, RGB[colour], 8.0),
        )
        for (colour, shape), size, radius, (x, y) in zip(pairs, sizes, radii, _positions(rng, radii), strict=True)
    )
    soft = rng.uniform(205, 246, size=3)
    background = (_tint(rng, soft, 9.0), _tint(rng, soft - rng.uniform(0, 22), 9.0))
    return Scene(objects, background, round(rng.uniform(0, 360), 1), int(rng.integers(2**31)))


def _pairs(rng: np.random.Generator, number: int, *, held_out: bool) -> list[tuple[str, str]]:
    everyday = [(colour, shape) for colour in COLOURS for shape in SHAPES if (colour, shape) not in HELD_OUT]
    pairs = [everyday[i] for i in rng.choice(len(everyday), size=number, replace=False)]
    if held_out:
        rare = sorted(HELD_OUT)
        pairs[rng.integers(number)] = rare[rng.integers(len(rare))]
    return pairs


def _positions(rng: np.random.Generator, radii: list[float]) -> list[tuple[float, float]]:
    """Centres in different places of the three by three, drawn again until nothing overlaps."""
    while True:
        places = rng.choice(9, size=len(radii), replace=False)
        jitter = rng.uniform(-JITTER, JITTER, size=(len(radii), 2)).tolist()
        centres = [(CENTRES[p % 3] + x, CENTRES[p // 3] + y) for p, (x, y) in zip(places, jitter, strict=True)]
        pairs = combinations(zip(centres, radii, strict=True), 2)
        if all(dist(first, second) > EXTENT * (r + s) for (first, r), (second, s) in pairs):
            return centres


def _tint(rng: np.random.Generator, rgb, spread: float) -> tuple[int, int, int]:
    red, green, blue = np.clip(np.asarray(rgb) + rng.uniform(-spread, spread, size=3), 0, 255).round().astype(int)
    return int(red), int(green), int(blue)
