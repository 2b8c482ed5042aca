"""Frames as people see them: turned and mirrored as the file's display matrix says."""

from typing import Any

import numpy as np


def is_turned(frame: Any) -> bool:
    """Whether the frame's stored rows become columns."""
    a, b, c, d = _matrix(frame)
    return abs(b) + abs(c) > abs(a) + abs(d)


def upright(pixels: np.ndarray, frame: Any) -> np.ndarray:
    """Stored pixels (height, width, channels) as the frame's display matrix shows them.

    A matrix ((a, b), (c, d)) moves a stored point (x, y) to (a x + c y, b x + d y). What is no multiple of a quarter
    turn is shown as the nearest one.
    """
    a, b, c, d = _matrix(frame)
    right, down = (a, d)
    if is_turned(frame):
        pixels, right, down = pixels.transpose(1, 0, 2), c, b
    return pixels[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]


def _matrix(frame: Any) -> tuple[int, int, int, int]:
    for held in frame.side_data:
        if held.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(held)[:20], dtype=np.int32).tolist()
            return a, b, c, d
    return 1, 0, 0, 1
