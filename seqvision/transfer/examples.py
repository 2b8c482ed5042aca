"""Single pictures with what is known of them, from the data of any pattern that looks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from seqvision.data.captions import CaptionData
from seqvision.data.groups import group_of
from seqvision.data.loading import Item
from seqvision.data.module import RecordData
from seqvision.data.sequences.module import SequenceData
from seqvision.data.tokenise import normalise, split_words
from seqvision.errors import UserError
from seqvision.metrics.bootstrap import Groups

FRAMES = 4  # of a clip that has one class
COMMON, RARE = 0.5, 0.01  # shares of the pictures whose captions have a word: not more, not less, to be asked for


@dataclass(frozen=True)
class Examples:
    """Pictures, each with its class, or with 0 and 1 for each of several names (words of its captions, labels).

    names: of the classes, words or labels. records: which record each picture is of; groups: what depends on each
    other, a subject's records where the data name subjects, else each record by itself (see `group_of`).
    """

    pictures: UInt8[Tensor, "pictures channels height width"]
    targets: Int[np.ndarray, " pictures *names"]
    names: tuple[str, ...]
    records: Int[np.ndarray, " pictures"]
    groups: Int[np.ndarray, " pictures"]

    @property
    def several(self) -> bool:
        """Whether a picture can have several of the names."""
        return self.targets.ndim == 2

    def __len__(self) -> int:
        return len(self.pictures)


def examples_of(data: RecordData, split: str, *, at_most: int = 2000, words: int | Sequence[str] = 50) -> Examples:
    """Pictures of a split, evenly spaced over its records, as the encoder gets them.

    words: of captions, the `words` commonest that say something, or these very words. UserError where the data are no
    pictures, or say nothing of them.
    """
    if isinstance(data, CaptionData):
        return _captioned(data, split, at_most, words)
    if isinstance(data, SequenceData):
        return _frames(data, split, at_most)
    raise UserError(
        f"transfer: {data.unit} of {type(data).__name__} are nothing that an encoder looks at; it works with pictures "
        "that have captions or classes, with clips, and with videos whose frames have labels"
    )


def _captioned(data: CaptionData, split: str, at_most: int, words: int | Sequence[str]) -> Examples:
    records = data.records[split]
    chosen = [records[place] for place in _spaced(len(records), at_most)]
    said = [{w for text in record.captions for w in _words(text)} for record in chosen]
    if isinstance(words, int):
        counts = Counter(word for each in said for word in each)
        asked = [(n, w) for w, n in counts.items() if max(3, RARE * len(said)) <= n <= COMMON * len(said)]
        words = [word for _, word in sorted(asked, key=lambda each: (-each[0], each[1]))[:words]]
    if not words:
        raise UserError(
            f"transfer: the captions of the {len(chosen)} pictures of '{split}' share no word that some of them have "
            "and others have not, so that nothing tells a good stage from a poor one; name one, encoder.stages=[3]"
        )
    targets = np.array([[word in each for word in words] for each in said], dtype=np.int64)
    pictures = torch.stack([data.image_transform(record.image) for record in chosen])
    places = np.arange(len(chosen))
    return Examples(pictures, targets, tuple(words), places, Groups([group_of(record) for record in chosen]).of_item)


def _words(caption: str) -> list[str]:
    return split_words(normalise(caption, lowercase=True), keep_punctuation=False)


def _frames(data: SequenceData, split: str, at_most: int) -> Examples:
    dataset = data.dataset(split, training=False)
    places = _spaced(len(dataset), at_most)
    framewise = dataset.framewise
    each_has = -(-at_most // len(places)) if framewise else min(FRAMES, max(1, at_most // len(places)))
    pictures, targets, records = [], [], []
    for place in places:
        batch = dataset.__getitems__([Item(place, place)])
        if batch.frames.dim() != 5:
            raise UserError(
                "transfer: the data's frames are no pictures, so that no encoder looks at them; it works with "
                "pictures, clips and videos (data=labelled_pictures, data=clips, data=videos, …)"
            )
        of_all: Any = batch.classes  # there where no frame has a label of its own
        known: Tensor = batch.labels[0] if batch.labels is not None else of_all.expand(batch.frames.shape[1])
        labelled = torch.nonzero((known >= 0).flatten(1).all(dim=1) if known.dim() > 1 else known >= 0).flatten()
        frames = labelled[_spaced(len(labelled), each_has)]
        pictures.append(batch.frames[0, frames])
        targets.append(known[frames].numpy())
        records += [place] * len(frames)
    groups = Groups([group_of(dataset.records[place]) for place in records]).of_item
    return Examples(torch.cat(pictures), np.concatenate(targets), tuple(data.classes), np.array(records), groups)


def _spaced(number: int, at_most: int) -> list[int]:
    """Places, evenly spaced."""
    if number <= at_most:
        return list(range(number))
    return [int(place) for place in np.linspace(0, number - 1, at_most)]
