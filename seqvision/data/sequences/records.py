"""Sequences with what is known about them, before anything is read or turned into numbers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from seqvision.errors import UserError

# a file, a sentence, or the frames themselves (time, features)
Source: TypeAlias = Path | str | np.ndarray


@dataclass(frozen=True, eq=False)
class SequenceRecord:
    """One sequence: where its frames come from, and its label or its frames' labels.

    id      a stable name, e.g. the file's path inside the data's folder
    source  what a `FrameReader` reads
    label   its class, for classification; None: nobody said
    labels  its frames' classes as places in the set's `classes`: integers (time,), -1 where nobody said; where a frame
            may have several, (time, classes) of 0 and 1, -1 where nobody said
    box     the part of a picture that belongs to it: left, top, right and bottom in pixels; None: all
    span    the frames of the source that belong to it, from and up to; None: all
    group   the subject, day or video that it belongs to, of which no two splits may have a share
    """

    id: str
    source: Source
    label: str | None = None
    labels: np.ndarray | None = None
    box: tuple[int, int, int, int] | None = None
    span: tuple[int, int] | None = None
    group: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class SequenceSet:
    """All sequences of a data set, the names of its classes in a stable order, and what a person should know of it.

    notes: what was left out, merged, cut or resampled, a sentence each, with names and counts. left_out: every row of a
    list that could not be used, and why.
    """

    records: list[SequenceRecord]
    classes: tuple[str, ...]
    multilabel: bool = False
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class UnlearnableError(UserError):
    """Something in a data set is to be recognised that nothing shows in training. found: the set as it is."""

    def __init__(self, message: str, found: SequenceSet):
        super().__init__(message)
        self.found = found
