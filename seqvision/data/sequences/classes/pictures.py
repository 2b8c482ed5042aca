"""Pictures with a class each, to be read as sequences or whole."""

from pathlib import Path
from typing import Any

from seqvision.data.picture_kinds import PICTURE_SUFFIXES, is_picture_file, why_unread
from seqvision.data.sequences.classes.listed import FileKind, read_files
from seqvision.data.sequences.records import SequenceSet
from seqvision.signatures import hands_on_to

PICTURES = FileKind("pictures", PICTURE_SUFFIXES, is_picture_file, why_unread)


@hands_on_to(read_files)
def read_pictures(path: str | Path, **options: Any) -> SequenceSet:
    """One record a picture in folders of classes, or of a list; arguments and errors as of `read_files`."""
    return read_files(path, PICTURES, **options)
