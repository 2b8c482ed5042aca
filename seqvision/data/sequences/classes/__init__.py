"""Sequences with one class each, as they come: sentences, recordings, pictures, digits. One file a kind of data; what
they share (merging, splits, refusals) is in `sets`, the columns of tables in `tables`, folders and lists in `listed`.
"""

from seqvision.data.sequences.classes.clips import read_clips
from seqvision.data.sequences.classes.digits import read_digits
from seqvision.data.sequences.classes.idx import read_idx
from seqvision.data.sequences.classes.listed import FileKind, read_files
from seqvision.data.sequences.classes.pictures import read_pictures
from seqvision.data.sequences.classes.recordings import read_recordings
from seqvision.data.sequences.classes.sentences import read_sentences
from seqvision.data.sequences.classes.sets import class_set

__all__ = [
    "read_sentences",
    "read_recordings",
    "read_pictures",
    "read_clips",
    "FileKind",
    "read_files",
    "read_idx",
    "read_digits",
    "class_set",
]
