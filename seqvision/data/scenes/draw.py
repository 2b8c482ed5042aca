"""From a scene to its picture, anti-aliased: every object is drawn four times too large and averaged down."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from seqvision.data.scenes.generate import EXTENT
from seqvision.data.scenes.scene import Scene, SceneObject

SUPERSAMPLING = 4
LINE = 0.013  # widths and distances are shares of the picture's side
STRIPE_PERIOD = 0.072
DOT_PERIOD = 0.078
DOT_RADIUS = 0.024
SHADOW = 0.02
DARK_ACCENT = {"yellow": (150, 78, 10), "pink": (150, 20, 84)}
"""Stripes and dots are white, except on colours too light to show it."""


def draw_scene(scene: Scene, size: int = 64) -> np.ndarray:
    """The picture, uint8 (size, size, 3), red green blue. The same scene looks alike at every size."""
    picture = _background(scene, size)
    for item in scene.objects:
        _draw_object(picture, item, size)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _background(scene: Scene, size: int) -> np.ndarray:
    """A soft gradient with a little large-grained paper in it, float32 (size, size, 3)."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    angle = np.deg2rad(scene.direction)
    ramp = np.clip(0.5 + np.cos(angle) * axis + np.sin(angle) * axis[:, None], 0, 1)[..., None]
    start, end = (np.asarray(rgb, dtype=np.float32) for rgb in scene.background)
    coarse = np.random.default_rng(scene.seed).normal(size=(9, 9)).astype(np.float32)
    paper = np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))
    return (start + (end - start) * ramp + 3.0 * paper[..., None]).astype(np.float32)


def _draw_object(picture: np.ndarray, item: SceneObject, size: int) -> None:
    """Lays the object's shadow and the object over the picture, in place."""
    reach = EXTENT * item.radius + LINE + 3 * SHADOW
    left, top = (max(0, int((centre - reach) * size)) for centre in (item.x, item.y))
    right, bottom = (min(size, int((centre + reach) * size) + 1) for centre in (item.x, item.y))
    scale = size * SUPERSAMPLING
    x = (np.arange((right - left) * SUPERSAMPLING, dtype=np.float32) + 0.5) / scale + left / size - item.x
    y = ((np.arange((bottom - top) * SUPERSAMPLING, dtype=np.float32) + 0.5) / scale + top / size - item.y)[:, None]
    cos, sin = np.float32(np.cos(np.deg2rad(item.tilt))), np.float32(np.sin(np.deg2rad(item.tilt)))

    corners = OUTLINES[item.shape] @ np.array([[cos, sin], [-sin, cos]]) * item.radius + (item.x, item.y)
    polygon = [tuple(corner) for corner in (corners - (left / size, top / size)) * scale]
    inside = Image.new("L", (x.shape[0], y.shape[0]))
    ImageDraw.Draw(inside).polygon(polygon, fill=255)
    whole = inside.copy()
    joint = "curve" if len(polygon) <= 12 else None  # round corners, where there are corners
    ImageDraw.Draw(whole).line([*polygon, *polygon[:2]], fill=255, width=round(2 * LINE * scale), joint=joint)
    pattern = Image.fromarray(_pattern(item.texture, cos * x + sin * y, cos * y - sin * x).astype(np.uint8) * 255)

    # three masks averaged down and then coloured: the same as colours averaged down, at a third of the work
    edge, body, marks = (_shares(mask) for mask in (whole, inside, ImageChops.multiply(inside, pattern)))
    tint = np.asarray(item.tint, dtype=np.float32)
    accent = np.asarray(DARK_ACCENT.get(item.colour, (255, 255, 255)), dtype=np.float32)
    light = 1.04 - 0.28 * (x[SUPERSAMPLING // 2 :: SUPERSAMPLING] + y[SUPERSAMPLING // 2 :: SUPERSAMPLING])[..., None]
    painted = np.minimum((tint * (body - marks) + accent * marks) * light, 255) + 0.45 * tint * (edge - body)

    shadow = Image.new("L", (right - left, bottom - top))
    shadow.paste(whole.reduce(SUPERSAMPLING), (round(SHADOW * size), round(SHADOW * size)))
    window = picture[top:bottom, left:right]
    window *= 1 - 0.3 * _shares(shadow.filter(ImageFilter.GaussianBlur(SHADOW * size / 2)), 1)
    window *= 1 - edge
    window += painted


def _pattern(texture: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Where the accent colour goes: bands across, or dots on a grid whose every other row is shifted."""
    if texture == "striped":
        return (v / STRIPE_PERIOD + 0.25) % 1 < 0.5
    if texture == "dotted":
        row = np.round(v / DOT_PERIOD)
        column = u / DOT_PERIOD + 0.5 * (row % 2)
        return np.hypot(column - np.round(column), v / DOT_PERIOD - row) < DOT_RADIUS / DOT_PERIOD
    return np.zeros(np.broadcast_shapes(u.shape, v.shape), dtype=bool)


def _shares(mask: Image.Image, factor: int = SUPERSAMPLING) -> np.ndarray:
    """How much of each pixel of the picture the mask covers, float32 (height, width, 1), 0 to 1."""
    return np.asarray(mask.reduce(factor), dtype=np.float32)[..., None] / 255


def _arc(start: float, end: float, radius: float = 1.0, x: float = 0.0) -> np.ndarray:
    angles = np.deg2rad(np.linspace(start, end, 40))
    return np.stack([x + radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([np.sin(t) ** 3, -(y + 2.5) / 15.5], axis=1)


def _star() -> np.ndarray:
    angles = np.deg2rad(-90 + 36 * np.arange(10))
    radii = np.where(np.arange(10) % 2 == 0, 1.15, 0.5)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _cross(arm: float = 1.02, half: float = 0.36) -> np.ndarray:
    corner = [(half, -arm), (half, -half), (arm, -half)]
    return np.array(
        corner + [(-y, x) for x, y in corner] + [(-x, -y) for x, y in corner] + [(y, -x) for x, y in corner]
    )


OUTLINES: dict[str, np.ndarray] = {
    "circle": _arc(0.0, 351.0, 0.94),
    "square": np.array([(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]),
    "triangle": np.array([(0.0, -1.05), (1.0, 0.75), (-1.0, 0.75)]) * 0.92,
    "star": _star(),
    "heart": _heart(),
    "cross": _cross(),
    "moon": np.concatenate([_arc(51.4, 308.6, x=0.17), _arc(282.6, 77.4, 0.8, x=0.62)]),
    "diamond": np.array([(0.0, -1.15), (0.85, 0.0), (0.0, 1.15), (-0.85, 0.0)]),
}
"""Corners of each shape, (corners, 2) as x, y from its centre, in radii; y grows downward."""
