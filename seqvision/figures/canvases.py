"""Pictures side by side, and pictures as they were painted, with the window that paints drawn in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from seqvision.figures.save import save_image
from seqvision.models import Drawing, Painter

GROUND, FRAME = (246, 245, 242), (214, 60, 36)
GAP = 4
TARGET = 56  # pixels a side that small pictures are enlarged to at least
STEP, REST = 220, 1600  # milliseconds of a frame, and of the last


class Painted(NamedTuple):
    """Pictures as uint8 (number, height, width, 3), step by step.

    pictures  the mean that the last canvas stands for
    growth    the same after each step, (number, steps, height, width, 3)
    boxes     where each step wrote, (number, steps, 5): left, upper, right, lower edge of the window in pixels, and how
              wide its filters are; None where it wrote without a window
    """

    pictures: np.ndarray
    growth: np.ndarray
    boxes: np.ndarray | None


def painted(model: Painter, drawing: Drawing) -> Painted:
    """A drawing with all its canvases as pictures to look at."""
    assert drawing.canvases is not None
    growth = as_colours(model.pixels.mean(drawing.canvases.flatten(0, 1)))
    growth = growth.reshape(*drawing.canvases.shape[:2], *growth.shape[1:])
    boxes = None
    if drawing.windows is not None:
        across, down, stride, deviation, _ = drawing.windows
        write: Any = model.write
        reach = stride * (write.size - 1) / 2 + 0.5  # to the far edge of the outer filters' pixels
        # the middle of the first pixel is 0, its edge half a pixel before
        edges = [across - reach, down - reach, across + reach, down + reach]
        boxes = torch.stack([*(edge + 0.5 for edge in edges), deviation], dim=-1).cpu().numpy()
    return Painted(growth[:, -1], growth, boxes)


def as_colours(pictures: Tensor) -> np.ndarray:
    """Floats from 0 to 1, (number, channels, height, width), as uint8 (number, height, width, 3)."""
    levels = (pictures.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return np.broadcast_to(levels, (*levels.shape[:3], 3)) if levels.shape[3] == 1 else levels


def picture_grid(pictures: np.ndarray, *, columns: int | None = None, scale: int | None = None) -> Image.Image:
    """The pictures, uint8 (number, height, width, 3), in rows of `columns`, by default about a square.

    scale: pixels a side that each becomes; small ones are enlarged so that one can see them, unless given.
    """
    return _sheet([_enlarged(each, scale or enlargement(pictures)) for each in pictures], columns)


def canvas_frames(
    growth: np.ndarray,
    boxes: np.ndarray | None = None,
    *,
    columns: int | None = None,
    scale: int | None = None,
) -> list[Image.Image]:
    """A frame a step, and one more of the end without windows.

    growth: uint8 (number, steps, height, width, 3). boxes: (number, steps, 5), a window's left, upper, right and lower
    edge in pixels and the deviation of its filters, in pixels: the line is as wide, as in the paper's figures.
    """
    scale = scale or enlargement(growth[:, 0])
    frames = []
    for step in range(growth.shape[1]):
        cells = [_enlarged(each, scale) for each in growth[:, step]]
        if boxes is not None:
            for cell, box in zip(cells, boxes[:, step], strict=True):
                _frame(cell, box, scale)
        frames.append(_sheet(cells, columns))
    return [*frames, picture_grid(growth[:, -1], columns=columns, scale=scale)] if boxes is not None else frames


def growth_grid(growth: np.ndarray, boxes: np.ndarray | None = None, *, first: np.ndarray | None = None) -> Image.Image:
    """A row a picture: the one to be painted, if there is one, and the canvas after each step with its window."""
    number, steps = growth.shape[:2]
    scale = enlargement(growth[:, 0])
    cells = []
    for row in range(number):
        if first is not None:
            cells.append(_enlarged(first[row], scale))
        for step in range(steps):
            cells.append(_enlarged(growth[row, step], scale))
            if boxes is not None:
                _frame(cells[-1], boxes[row, step], scale)
    return _sheet(cells, steps + (first is not None))


def save_film(frames: Sequence[Image.Image], path: str | Path, *, step: int = STEP) -> None:
    """The frames as an animated GIF, each shown for `step` milliseconds, that rests at its end and begins anew."""
    times = [step] * (len(frames) - 1) + [max(REST, 2 * step)]
    save_image(frames[0], path, format="GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)


def enlargement(pictures: np.ndarray) -> int:
    """By how much pictures of that size are enlarged."""
    return max(1, -(-TARGET // max(pictures.shape[1:3])))


def _enlarged(picture: np.ndarray, scale: int) -> Image.Image:
    made = Image.fromarray(np.ascontiguousarray(picture))
    return made.resize((made.width * scale, made.height * scale), Image.Resampling.NEAREST)


def _sheet(cells: Sequence[Image.Image], columns: int | None) -> Image.Image:
    columns = min(columns or round(len(cells) ** 0.5 + 0.49), len(cells))
    rows = -(-len(cells) // columns)
    width, height = cells[0].size
    sheet = Image.new("RGB", (GAP + columns * (width + GAP), GAP + rows * (height + GAP)), GROUND)
    for number, cell in enumerate(cells):
        sheet.paste(cell, (GAP + number % columns * (width + GAP), GAP + number // columns * (height + GAP)))
    return sheet


def _frame(cell: Image.Image, box: np.ndarray, scale: int) -> None:
    """The window's frame, inside the picture where it reaches beyond."""
    left, upper, right, lower = (float(edge) * scale for edge in box[:4])
    line = int(np.clip(round(float(box[4])), 1, max(1, scale)))
    bounds = (
        max(0.0, min(left, cell.width - 1.0)),
        max(0.0, min(upper, cell.height - 1.0)),
        max(0.0, min(right - 1, cell.width - 1.0)),
        max(0.0, min(lower - 1, cell.height - 1.0)),
    )
    ImageDraw.Draw(cell).rectangle(bounds, outline=FRAME, width=line)
