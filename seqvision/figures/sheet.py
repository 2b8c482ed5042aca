"""Many pictures with their captions on one sheet."""

from collections.abc import Sequence
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, LINES, LINE = 168, 14, 5, 15
INK, GROUND = (40, 40, 42), (246, 245, 242)
RIGHT, WRONG = (22, 112, 58), (190, 40, 40)


def sheet_picture(
    pictures: Sequence[Image.Image],
    captions: Sequence[str],
    *,
    columns: int = 6,
    right: Sequence[bool] | None = None,
) -> Image.Image:
    """The pictures in rows, each enlarged or reduced to fit a square, its caption below: green or red where it is
    known which are `right`."""
    columns = max(1, min(columns, len(pictures)))
    rows = max(1, -(-len(pictures) // columns))
    height = SIDE + GAP + LINES * LINE
    sheet = Image.new("RGB", (GAP + columns * (SIDE + GAP), GAP + rows * (height + GAP)), GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = GAP + number % columns * (SIDE + GAP)
        top = GAP + number // columns * (height + GAP)
        scale = SIDE / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        shown = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        sheet.paste(shown, (left + (SIDE - size[0]) // 2, top + (SIDE - size[1]) // 2))
        lines = wrap(caption, 27)
        if len(lines) > LINES:
            lines = [*lines[: LINES - 1], lines[LINES - 1] + " …"]
        for line, text in enumerate(lines):
            ink = INK if right is None else RIGHT if right[number] else WRONG
            draw.text((left, top + SIDE + 5 + line * LINE), text, fill=ink, font=font)
    return sheet
