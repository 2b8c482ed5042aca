"""Street View House Numbers in its cropped form: one digit of 32 x 32 pixels a picture (Netzer et al., 2011)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data.sequences.classes.sets import class_set
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError

_FILES = {"train_32x32.mat": "train", "extra_32x32.mat": "train", "test_32x32.mat": "test"}


def read_svhn(folder: str | Path, *, extra: bool = False, splits: Mapping[str, Any] | None = None) -> SequenceSet:
    """The digits of `train_32x32.mat` and `test_32x32.mat`, and with `extra` of `extra_32x32.mat`, as uint8 pictures
    (32, 32, 3), a slice of the training pictures to validate on. The class 10, which stands for 0 there, is 0.

    UserError for files that are missing or do not hold X (32, 32, 3, number) and y (number, 1).
    """
    folder = Path(folder)
    records: list[SequenceRecord] = []
    for name, split in _FILES.items():
        file = folder / name
        if name.startswith("extra") and not extra:
            continue
        if not file.is_file():
            raise UserError(
                f"{folder}: no file {name} in it. Name the folder with SVHN's cropped digits (train_32x32.mat, "
                "test_32x32.mat) with data.folder=FOLDER"
            )
        pictures, labels = _read(file)
        records += [
            SequenceRecord(
                id=f"{name.partition('_')[0]}/{place:06}", source=picture, label=str(label % 10), split=split
            )
            for place, (picture, label) in enumerate(zip(pictures, labels.tolist(), strict=True))
        ]
    return class_set(records, what="pictures", splits=splits)


def _read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    try:
        held = loadmat(file)
        pictures, labels = held["X"], held["y"].reshape(-1)
    except Exception as error:  # scipy's reader raises whatever its parsing ran into
        raise UserError(
            f"{file}: no file of cropped digits, or damaged ({error}). Copy or download it again."
        ) from None
    if pictures.ndim != 4 or pictures.shape[3] != len(labels) or pictures.dtype != np.uint8:
        raise UserError(
            f"{file}: X is {pictures.dtype} of {pictures.shape} and y has {len(labels)} numbers; expected uint8 of "
            "(32, 32, 3, number) and as many numbers"
        )
    return np.ascontiguousarray(pictures.transpose(3, 0, 1, 2)), labels.astype(int)
