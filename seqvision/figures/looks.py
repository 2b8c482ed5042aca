"""Where a reader looked, on the picture, and what it saw there: a picture of the whole path, or an animation of it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from seqvision.attention.glimpse import GlimpseSensor
from seqvision.figures.sheet import GROUND, INK

FIRST, LAST = (64, 132, 214), (235, 120, 24)
SIDE, GAP, LINE = 224, 12, 18
STEP = 700  # milliseconds that a look is shown for


def look_boxes(
    places: np.ndarray, size: tuple[int, int], *, patch: int, scales: int = 1, zoom: int = 2
) -> list[list[tuple[float, float, float, float]]]:
    """For each look the boxes (left, top, right, bottom) of its scales, the sharpest first, in pixels of the picture.

    places: (looks, 2) from −1 to 1; size: width and height of the picture.
    """
    found = []
    for x, y in places.tolist():
        across, down = (x + 1) / 2 * size[0], (y + 1) / 2 * size[1]
        halves = [patch * zoom**scale / 2 for scale in range(scales)]
        found.append([(across - half, down - half, across + half, down + half) for half in halves])
    return found


def boxes_of(
    sensor: GlimpseSensor, places: np.ndarray, size: tuple[int, int]
) -> list[list[tuple[float, float, float, float]]]:
    """What `look_boxes` gives for this sensor; size: width and height."""
    return look_boxes(places, size, patch=sensor.size, scales=sensor.scales, zoom=sensor.zoom)


def as_picture(pixels: Tensor) -> Image.Image:
    """uint8 pixels (channels, height, width) as a picture."""
    array = pixels.cpu().numpy()
    return Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0))


def path_picture(
    picture: Image.Image,
    boxes: Sequence[Sequence[tuple[float, float, float, float]]],
    *,
    side: int = SIDE,
    looks: int | None = None,
) -> Image.Image:
    """The picture enlarged to `side` pixels, its looks drawn in: from blue, the first, to orange, the last, with a line
    from each to the next. looks: only the first so many, the last of them drawn thick.
    """
    factor = side / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    shown = picture.convert("RGB").resize(size, Image.Resampling.NEAREST if factor > 2 else Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(shown)
    number = len(boxes) if looks is None else looks
    middles = [_middle(each[0], factor) for each in boxes[:number]]
    for place, (here, there) in enumerate(pairwise(middles)):
        draw.line([*here, *there], fill=_colour(place, len(boxes)), width=2)
    for place, each in enumerate(boxes[:number]):
        colour = _colour(place, len(boxes))
        now = looks is not None and place == number - 1
        for scale, box in enumerate(each if now or (looks is None and len(each) == 1) else each[:1]):
            draw.rectangle([edge * factor for edge in box], outline=colour, width=3 if now and not scale else 1)
        x, y = middles[place]
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour)
    return shown


def looks_frames(
    picture: Image.Image,
    boxes: Sequence[Sequence[tuple[float, float, float, float]]],
    patches: np.ndarray,
    says: Sequence[str],
    *,
    side: int = SIDE,
) -> list[Image.Image]:
    """A frame a look: the picture with the path so far, beside it what was seen, below it what the reader then said.

    patches: (looks, scales, channels, size, size), from 0 to 1. says: a line a look.
    """
    font = ImageFont.load_default(size=13)
    frames = []
    for look, text in enumerate(says):
        left = path_picture(picture, boxes, side=side, looks=look + 1)
        scales = patches[look]
        tile = max(24, (left.height - GAP * (len(scales) - 1)) // max(2, len(scales)))
        frame = Image.new(
            "RGB", (left.width + tile + 3 * GAP, max(left.height, len(scales) * (tile + GAP)) + 2 * GAP + LINE), GROUND
        )
        frame.paste(left, (GAP, GAP))
        for number, patch in enumerate(scales):
            seen = patch_picture(patch).resize((tile, tile), Image.Resampling.NEAREST)
            frame.paste(seen, (left.width + 2 * GAP, GAP + number * (tile + GAP)))
        ImageDraw.Draw(frame).text((GAP, frame.height - LINE - GAP // 2), text, fill=INK, font=font)
        frames.append(frame)
    return frames


def patch_picture(patch: np.ndarray) -> Image.Image:
    """A patch (channels, size, size) from 0 to 1 as a picture."""
    pixels = (np.clip(patch, 0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).convert("RGB")


def side_by_side(films: Sequence[Sequence[Image.Image]], *, columns: int = 4) -> list[Image.Image]:
    """Several animations as one, in rows; a shorter one stays at its last frame."""
    length = max(len(film) for film in films)
    columns = min(columns, len(films))
    width, height = max(film[0].width for film in films), max(film[0].height for film in films)
    frames = []
    for time in range(length):
        sheet = Image.new("RGB", (width * columns, height * -(-len(films) // columns)), GROUND)
        for number, film in enumerate(films):
            sheet.paste(film[min(time, len(film) - 1)], (number % columns * width, number // columns * height))
        frames.append(sheet)
    return frames


def _middle(box: tuple[float, float, float, float], factor: float) -> tuple[float, float]:
    return (box[0] + box[2]) / 2 * factor, (box[1] + box[3]) / 2 * factor


def _colour(place: int, number: int) -> tuple[int, int, int]:
    share = place / max(1, number - 1)
    mixed = [round((1 - share) * a + share * b) for a, b in zip(FIRST, LAST, strict=True)]
    return mixed[0], mixed[1], mixed[2]
