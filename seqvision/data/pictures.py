"""Picture files to upright RGB pictures, whatever a user's folder holds."""

import threading
from collections.abc import Iterable
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import TypeGuard

import numpy as np
from PIL import Image, UnidentifiedImageError

from seqvision.data.core.listing import Listing, check_regular, files_below
from seqvision.data.picture_kinds import (
    PICTURE_SUFFIXES,
    heif_readable,
    is_heif,
    is_picture_file,
    of_start,
    why_unread,
)
from seqvision.data.shards.shard import in_shard, open_shard
from seqvision.errors import UserError

MAX_PIXELS = 64_000_000

# EXIF orientation (tag 0x0112) to what turns the picture upright; 1 is upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_opening = threading.Lock()  # also of what is registered with Pillow


def read_image(
    path: str | Path | BufferedIOBase,
    *,
    size: int | None = None,
    fit: str = "crop",
    margin: float = 1.0,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """The picture upright, in RGB, transparent places white; of an animation the first frame.

    With `size`, a JPEG is decoded at the smallest of its built-in scales (1/2, 1/4, 1/8) that still has `margin` times
    the pixels of a side, or more, that are needed to `fit` it into size x size pixels ("pad": the longer side counts,
    otherwise the shorter one), which is much faster for photographs. 16-bit grey is scaled to 8 bits. An open binary
    file will do for a path, and so will a place in a shard (`train/00003.tar/000003017.jpg`).

    UserError, with the file's name, if it is missing, empty, no picture, damaged, or has more than `max_pixels`
    (checked before any pixel is decoded).
    """
    name = str(path) if isinstance(path, str | Path) else str(getattr(path, "name", "the uploaded picture"))
    try:
        file = BytesIO(picture_bytes(path)) if _in_shard(path) else path
        with open_picture(file) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                raise UserError(
                    f"{name}: {width} x {height} is {width * height / 1e6:.0f} megapixels, more than the limit of "
                    f"{max_pixels / 1e6:.0f}. Make the picture smaller, or raise the limit with "
                    f"max_pixels={width * height} if you trust the file."
                )
            if size is not None:
                scale = margin * size / (max(width, height) if fit == "pad" else min(width, height))
                picture.draft(None, (max(1, round(width * scale)), max(1, round(height * scale))))
            picture.load()
            return upright_rgb(picture)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{name}: no such picture. Check the name and the folder.") from None
    except IsADirectoryError:
        raise UserError(f"{name}: a folder, not a picture. Name the files in it, or let a command list them.") from None
    except UnidentifiedImageError:
        raise UserError(f"{name}: {_what_it_is(file)}") from None
    except Exception as error:  # Pillow's decoders raise whatever their parsing ran into
        raise UserError(
            f"{name}: the picture is damaged or cannot be read ({error}). Replace the file, or leave it out."
        ) from error


def picture_bytes(path: str | Path) -> bytes:
    """A picture's file as it is; also of a picture in a shard. OSError as from any file."""
    path = Path(path)
    if in_shard(path):
        return open_shard(path.parent).picture(path.name)
    check_regular(path)
    return path.read_bytes()


def picture_size(path: Path) -> int:
    """How many bytes `picture_bytes` would give."""
    return open_shard(path.parent).find(path.name)["size"] if in_shard(path) else path.stat().st_size


def _in_shard(path: str | Path | BufferedIOBase) -> TypeGuard[str | Path]:
    return isinstance(path, str | Path) and in_shard(Path(path))


def open_picture(path: str | Path | BufferedIOBase) -> Image.Image:
    """Pillow's own picture with only its header read, of any size; Pillow's own errors.

    UserError for a path that is no regular file.
    """
    if isinstance(path, str | Path):
        check_regular(Path(path))
    # Pillow's own limit is one global number with a warning; ours is an argument and an error, checked right after.
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path)  # type: ignore[arg-type]  # any open binary file has what Pillow needs
        except UnidentifiedImageError:
            if not (is_heif(_first_bytes(path)) and heif_readable()):
                raise
            from pillow_heif import register_heif_opener

            register_heif_opener()  # imported only where such a picture comes
            return Image.open(path)  # type: ignore[arg-type]
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _first_bytes(path: str | Path | BufferedIOBase) -> bytes:
    if isinstance(path, str | Path):
        with open(path, "rb") as file:
            return file.read(16)
    path.seek(0)
    start = path.read(16)
    path.seek(0)
    return start


def _what_it_is(path: str | Path | BufferedIOBase) -> str:
    """Why a file is no picture, and what to do."""
    start = _first_bytes(path)
    if not start:
        return "the file is empty (0 bytes). Copy it again, or leave it out."
    why = of_start(start) or (why_unread(Path(path)) if isinstance(path, str | Path) else "")
    why = why or f"not a picture that can be read (it starts with {start!r}). Convert it to PNG or JPEG"
    return f"{why}, or leave it out."


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        return _deep_to_grey(picture).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        if picture.mode in ("La", "RGBa"):  # premultiplied modes have only this one way out
            picture = picture.convert({"La": "LA", "RGBa": "RGBA"}[picture.mode])
        seen = picture.convert("RGBA")
        white = Image.new("RGBA", seen.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, seen).convert("RGB")
    return picture.convert("RGB")


def _deep_to_grey(picture: Image.Image) -> Image.Image:
    """8-bit grey of 16-bit, 32-bit and floating point grey, whose range is the narrowest usual one that holds it."""
    values = np.asarray(picture, dtype=np.float64)
    highest = float(np.nan_to_num(values).max(initial=0.0))
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):
        top = 65535.0
    elif picture.mode == "F":
        top = next((t for t in (1.0, 255.0, 65535.0) if highest <= t), highest)
    else:
        top = next((t for t in (255.0, 65535.0) if highest <= t), 2.0**31 - 1)
    grey = np.clip(np.nan_to_num(values) * (255.0 / top), 0, 255)
    return Image.fromarray(np.round(grey).astype(np.uint8))


def upright_rgb(picture: Image.Image) -> Image.Image:
    """A loaded picture of any mode as people see it: turned by EXIF orientation, in RGB, transparent places white."""
    try:
        turn = _UPRIGHT.get(picture.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block harms no pixel
        turn = None
    picture = _to_rgb(picture)
    picture.info = {}  # the orientation is used up, in whatever form the file had it
    return picture if turn is None else picture.transpose(turn)


def list_pictures(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """The picture files of the given files and folders (with their subfolders, by name); each file once.

    A file that is named is taken whatever its ending; in folders `is_picture_file` decides and hidden files are left
    out. UserError if a path does not exist or if a folder holds no picture.
    """
    found: dict[Path, None] = {}
    for given in [paths] if isinstance(paths, str | Path) else paths:
        path = Path(given)
        if path.is_dir():
            inside = pictures_below(path).files
            if not inside:
                raise UserError(
                    f"{path}: no picture in this folder or below it (looked for {' '.join(sorted(PICTURE_SUFFIXES))})."
                )
            found.update(dict.fromkeys(inside))
        elif path.exists():
            check_regular(path)
            found[path] = None
        else:
            raise UserError(f"{path}: no such file or folder (looked from {Path.cwd()}).")
    return list(found)


def pictures_below(folder: Path) -> Listing:
    """The pictures in a folder and below it, without hidden files and folders, and what is no picture."""
    return files_below(folder, is_picture_file)
