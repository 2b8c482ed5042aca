"""Pictures with a class each, to be read as sequences or whole."""

from pathlib import Path
from typing import Any

from seqvision.data.pictures import PICTURE_SUFFIXES
from seqvision.data.sequences.classes.listed import read_files
from seqvision.data.sequences.records import SequenceSet


def read_pictures(path: str | Path, **options: Any) -> SequenceSet:
    """One record a picture in folders of classes, or of a list; arguments and errors as of `read_files`."""
    return read_files(path, PICTURE_SUFFIXES, what="pictures", **options)
