"""Sequences with one class each, as they come: sentences, recordings, pictures. One file a kind of data; what they
share (merging, splits, refusals) is in `sets`, the columns of tables in `tables`.
"""

from seqvision.data.sequences.classes.digits import read_digits
from seqvision.data.sequences.classes.idx import read_idx
from seqvision.data.sequences.classes.sentences import read_sentences
from seqvision.data.sequences.classes.sets import class_set

__all__ = ["class_set", "read_digits", "read_idx", "read_sentences"]
