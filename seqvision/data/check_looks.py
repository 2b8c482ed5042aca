"""What picture files turn out to be: their sizes, their bytes' digest, their channels, or what is wrong with them."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from seqvision.data.pictures import MAX_PIXELS, open_picture, picture_bytes, read_image
from seqvision.data.progress import tracked
from seqvision.errors import UserError

_COLOURLESS = 4.0 / 255  # as far as JPEG's rounding drives the channels of a grey picture apart


class Shown(NamedTuple):
    """A picture to be looked at: a file or uint8 pixels, and the part of it that counts, None for all: left, top,
    right and bottom."""

    source: Path | np.ndarray
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Seen:
    """What one picture turned out to be.

    digest: of the file's bytes and the part that counts. mode: Pillow's. moments: means of the channels and of their
    squares; colourless: whether the channels are alike; both only where they were measured. error: why it cannot be
    read, or "".
    """

    digest: str = ""
    width: int = 0
    height: int = 0
    mode: str = ""
    moments: tuple[Any, Any] | None = None
    colourless: bool = False
    error: str = ""


def look_at_all(
    pictures: Sequence[Shown], *, sample: int = 1000, max_pixels: int = MAX_PIXELS, progress: bool = False
) -> list[Seen]:
    """Each picture, decoded once (JPEGs at reduced scale); about `sample` of them, evenly spread, are measured."""
    every = max(1, len(pictures) // max(1, sample))

    def look(number: int) -> Seen:
        return look_at(pictures[number], max_pixels=max_pixels, measure=number % every == 0)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        done = pool.map(look, range(len(pictures)))
        return list(tracked(done, total=len(pictures), description="Reading pictures", show=progress))


def look_at(shown: Shown, *, max_pixels: int = MAX_PIXELS, measure: bool = True) -> Seen:
    """What one picture is."""
    source, box = shown
    try:
        content = source.tobytes() if isinstance(source, np.ndarray) else picture_bytes(source)
        if isinstance(source, np.ndarray):
            picture = Image.fromarray(source)
            (width, height), mode = picture.size, picture.mode
        else:
            file = BytesIO(content)
            file.name = str(source)
            picture = read_image(file, size=64 if box is None else None, margin=2.0, max_pixels=max_pixels)
            with open_picture(BytesIO(content)) as header:
                (width, height), mode = header.size, header.mode
    except UserError as error:
        return Seen(error=str(error))
    except OSError as error:
        return Seen(error=f"{source}: cannot be read ({error.strerror or error}).")
    if box is not None:
        picture, width, height = picture.crop(box), box[2] - box[0], box[3] - box[1]
    digest = hashlib.sha256(content)
    digest.update(str((width, height, box)).encode())
    if not measure:
        return Seen(digest.hexdigest(), width, height, mode)
    small = picture.convert("RGB").reduce(max(1, min(picture.size) // 64))
    pixels = np.asarray(small, dtype=np.float64).reshape(-1, 3) / 255
    moments = pixels.mean(axis=0), (pixels**2).mean(axis=0)
    colourless = bool(np.ptp(pixels, axis=1).max(initial=0.0) <= _COLOURLESS)
    return Seen(digest.hexdigest(), width, height, mode, moments, colourless)


def channels_of(seen: Sequence[Seen]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the channels, each measured picture with the same weight."""
    moments = [one.moments for one in seen if one.moments is not None]
    if not moments:
        return [], []
    mean, square = (np.mean([pair[place] for pair in moments], axis=0) for place in (0, 1))
    return mean.tolist(), np.sqrt(np.maximum(square - mean**2, 0)).tolist()


def sizes_of(values: Sequence[int]) -> dict[str, int]:
    """The smallest, the median and the largest."""
    return {"min": min(values), "median": int(np.median(values)), "max": max(values)} if values else {}


def same_pictures(ids: Sequence[str], seen: Sequence[Seen]) -> list[list[str]]:
    """The groups of pictures with the same bytes."""
    same: dict[str, list[str]] = {}
    for id, one in zip(ids, seen, strict=True):
        if one.digest:
            same.setdefault(one.digest, []).append(id)
    return [names for names in same.values() if len(names) > 1]


def leaks_in(groups: Sequence[Sequence[str]], splits: dict[str, str | None]) -> list[dict[str, str]]:
    """Those of the groups that lie in several splits, each picture with its split."""
    return [
        {name: splits[name] or "no split" for name in group}
        for group in groups
        if len({splits[name] for name in group}) > 1
    ]
