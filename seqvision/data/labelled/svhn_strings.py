"""Street View House Numbers in its full form: pictures of whole numbers, their digits' boxes in `digitStruct.mat`
(Netzer et al., "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqvision.data.labelled.files import string_set
from seqvision.data.progress import tracked
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError

FOLDERS = {"train": "train", "extra": "train", "test": "test"}
SIDES = ("left", "top", "width", "height")


class HouseNumber(NamedTuple):
    """A picture's name, its number from left to right, and its digits' boxes: left, top, width, height in pixels."""

    name: str
    number: str
    boxes: np.ndarray


def read_svhn_strings(
    folder: str | Path,
    *,
    extra: bool = False,
    margin: float | None = 0.3,
    longest_number: int | None = None,
    splits: Mapping[str, Any] | None = None,
) -> SequenceSet:
    """The house numbers of `train/` and `test/`, and with `extra` of `extra/`, a slice of the training pictures to
    validate on: in each folder `digitStruct.mat` and the pictures that it names.

    margin: a picture is cut to its digits' common box, made larger by this share of its sides (Goodfellow et al., 2014,
        section 5.1); None leaves it whole.
    longest_number: longer ones are left out, and counted.

    UserError for a folder or a picture that is missing, for a file that is no such list, and without h5py.
    """
    folder = Path(folder)
    records: list[SequenceRecord] = []
    long = 0
    for name, split in FOLDERS.items():
        if name == "extra" and not extra:
            continue
        for found in _read(folder / name / "digitStruct.mat"):
            picture = folder / name / found.name
            if not picture.is_file():
                raise UserError(
                    f"{folder / name / 'digitStruct.mat'}: names {found.name}, which is not beside it. Unpack "
                    f"{name}.tar.gz again"
                )
            if longest_number is not None and len(found.number) > longest_number:
                long += 1
                continue
            records.append(
                SequenceRecord(
                    id=f"{name}/{found.name}",
                    source=picture,
                    label=found.number,
                    box=None if margin is None else _around(found.boxes, margin),
                    split=split,
                )
            )
    notes = [f"left out for more than {longest_number} digits: {long}"] if long else []
    return string_set(records, what="pictures", splits=splits, notes=notes)


def _around(boxes: np.ndarray, margin: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what holds all boxes, larger by that share of its sides."""
    left, top = boxes[:, 0].min(), boxes[:, 1].min()
    right, bottom = (boxes[:, 0] + boxes[:, 2]).max(), (boxes[:, 1] + boxes[:, 3]).max()
    beside, above = margin / 2 * (right - left), margin / 2 * (bottom - top)
    sides = (left - beside, top - above, right + beside, bottom + above)
    return tuple(round(float(side)) for side in sides)  # type: ignore[return-value]  # mypy does not count four


def _read(file: Path) -> Iterator[HouseNumber]:
    try:
        import h5py
    except ModuleNotFoundError:
        raise UserError("reading digitStruct.mat needs h5py: pip install 'seqvision[svhn]'") from None
    if not file.is_file():
        raise UserError(
            f"{file} is not there. Name the folder with SVHN's unpacked train/ and test/ with data.folder=FOLDER"
        )
    try:
        with h5py.File(file, "r") as held:
            names, boxes = held["digitStruct/name"], held["digitStruct/bbox"]
            pairs = zip(names[:, 0], boxes[:, 0], strict=True)
            for name, box in tracked(pairs, total=len(names), description=f"Reading {file.parent.name}"):
                yield _house_number("".join(map(chr, held[name][:, 0])), held, held[box])
    except UserError:
        raise
    except Exception as error:  # h5py raises whatever a damaged file led it to
        raise UserError(f"{file}: no list of digits' boxes, or damaged ({error}). Unpack it again.") from None


def _house_number(name: str, held: Any, group: Any) -> HouseNumber:
    """MATLAB keeps one digit's values as they are, and references to those of several."""

    def values(key: str) -> list[float]:
        column = group[key][:, 0]
        return [float(held[entry][0, 0]) for entry in column] if group[key].dtype == object else [float(column[0])]

    digits = values("label")  # 10 stands for 0
    boxes = np.array([values(side) for side in SIDES]).T
    order = np.argsort(boxes[:, 0] + boxes[:, 2] / 2, kind="stable")
    return HouseNumber(name, "".join(str(int(digits[place]) % 10) for place in order), boxes[order])
