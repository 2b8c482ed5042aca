"""Clips with a class each."""

from pathlib import Path
from typing import Any

from seqvision.data.sequences.classes.listed import FileKind, read_files
from seqvision.data.sequences.formats.video_files import VIDEO_SUFFIXES
from seqvision.data.sequences.readers.stills import SUFFIXES as STILLS
from seqvision.data.sequences.records import SequenceSet
from seqvision.signatures import hands_on_to


@hands_on_to(read_files)
def read_clips(path: str | Path, **options: Any) -> SequenceSet:
    """One record a clip in folders of classes, or of a list `path,label[,split,group]`; arguments and errors as of
    `read_files`."""
    return read_files(path, FileKind("clips", VIDEO_SUFFIXES | STILLS), **options)
