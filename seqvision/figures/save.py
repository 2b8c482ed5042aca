"""Figures and images as files."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from seqvision.errors import UserError
from seqvision.files import atomic_path


def save_image(image: Figure | Image.Image, path: str | Path, **options: Any) -> None:
    """The figure or image as a file of the format that its name ends in; PNG without an ending.

    Raises:
        UserError: There is no such format, or the file cannot be written; what was there is then untouched.
    """
    kind = Path(path).suffix[1:].lower() or "png"
    with atomic_path(path) as draft:
        try:
            if isinstance(image, Figure):
                image.savefig(draft, **{"dpi": 150, "format": kind, **options})
            else:
                image.save(draft, **{"format": {"jpg": "jpeg"}.get(kind, kind), **options})
        except (ValueError, KeyError) as error:
            raise UserError(f"{path}: cannot be written ({error}); a name ending in .png will do") from error
