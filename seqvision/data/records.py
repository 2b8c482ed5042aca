"""What every layout of caption files is read into."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CaptionRecord:
    """One picture with all its captions.

    `id` is the picture's name as the data set writes it (`dog.jpg`, `val2017/000000000139.jpg`): stable between
    machines, what splits are hashed from and what predictions are listed under. `split` is "train", "val", "test"
    or a further test set's name where the data set says so, else None. `image_id` is COCO's number of the picture.
    """

    id: str
    image: Path
    captions: tuple[str, ...]
    split: str | None = None
    image_id: str | None = None
