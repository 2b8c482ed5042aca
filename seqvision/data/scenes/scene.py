"""What a scene is, as plain data, and what is true of it: the nine places and the four relations, by geometry."""

from dataclasses import asdict, dataclass
from typing import Any

SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "moon", "diamond")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black")
SIZES = ("small", "large")
TEXTURES = ("plain", "striped", "dotted")

ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "middle", "right")
EDGES = (0.36, 0.64)
"""Where a row or a column ends, as a share of the picture; objects keep clear of these lines."""

MARGIN = 0.15
"""How much further left (or up) a centre must lie to be called left of (or above) another."""


@dataclass(frozen=True)
class SceneObject:
    """One drawn thing. `x`, `y` (its centre, from the top left) and `radius` are shares of the picture's side."""

    shape: str
    colour: str
    size: str
    texture: str
    x: float
    y: float
    radius: float
    tilt: float  # degrees, clockwise
    tint: tuple[int, int, int]  # the colour as drawn, red green blue, 0 to 255

    @property
    def place(self) -> tuple[str, str]:
        """The row and the column of the centre: ("top", "left"), ("middle", "middle"), …"""
        return ROWS[sum(self.y > edge for edge in EDGES)], COLUMNS[sum(self.x > edge for edge in EDGES)]

    def is_left_of(self, other: "SceneObject") -> bool:
        return other.x - self.x >= MARGIN

    def is_above(self, other: "SceneObject") -> bool:
        return other.y - self.y >= MARGIN


@dataclass(frozen=True)
class Scene:
    """All that is needed to draw a picture and to judge a sentence about it."""

    objects: tuple[SceneObject, ...]
    background: tuple[tuple[int, int, int], tuple[int, int, int]]  # the two ends of a gradient
    direction: float  # of the gradient, degrees
    seed: int  # of the background's grain and of the reference captions

    def to_dict(self) -> dict[str, Any]:
        """Numbers, strings, lists and dictionaries only; `from_dict` gives the same scene back, through JSON too."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Scene":
        objects = tuple(SceneObject(**{**item, "tint": tuple(item["tint"])}) for item in data["objects"])
        start, end = data["background"]
        return cls(objects, (tuple(start), tuple(end)), data["direction"], data["seed"])
