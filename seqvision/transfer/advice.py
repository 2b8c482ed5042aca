"""Which of the four rows of transfer to try first, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqvision.data.module import RecordData
from seqvision.data.sequences.module import SequenceData
from seqvision.encoders.base import Encoder
from seqvision.transfer.examples import Examples, examples_of
from seqvision.transfer.likeness import SIMILAR, Likeness, likeness
from seqvision.transfer.probe import StageTable, probe_stages, stage_features
from seqvision.wording import counted

MUCH = 2000  # training items from which on it pays to train stages of the encoder
MUCH_EACH = 100  # of the class in the middle
ROWS = {  # by whether the data are much, and like those of the pre-training
    (False, True): ("linear_probe", "little data, like those of the pre-training"),
    (True, True): ("finetune_top", "much data, like those of the pre-training"),
    (False, False): ("stage_probe", "little data, unlike those of the pre-training"),
    (True, False): ("finetune_more", "much data, unlike those of the pre-training"),
}


@dataclass(frozen=True)
class Size:
    """How much there is to learn from.

    items: training records, or stretches of one label where frames are labelled, because frames that follow each other
    say the same. per_class: those of each class, by name; empty for captions.
    """

    items: int
    unit: str
    per_class: dict[str, int]

    @property
    def middle(self) -> int | None:
        """Of the class in the middle; None without classes."""
        return int(np.median(list(self.per_class.values()))) if self.per_class else None

    @property
    def much(self) -> bool:
        """Whether an encoder's stages may be trained on them."""
        return self.items >= MUCH and (self.middle is None or self.middle >= MUCH_EACH)


@dataclass(frozen=True)
class Advice:
    """A row of transfer with the evidence. likeness: None where the encoder cannot tell."""

    size: Size
    likeness: Likeness | None
    table: StageTable

    @property
    def similar(self) -> bool:
        """Whether the pictures are like those of the pre-training: by the encoder's statistics; without such, by
        whether its last features are about the best.
        """
        if self.likeness is not None:
            return self.likeness.similar
        return not self.table.clearly_behind(self.table.rows[-1])

    @property
    def row(self) -> str:
        """The choice of `transfer`."""
        return ROWS[self.size.much, self.similar][0]

    def reasons(self) -> list[str]:
        """The evidence, a sentence each."""
        size = self.size
        said = [f"Size: {size.items:,} {size.unit} to learn from"]
        if size.middle is not None:
            classes = counted(len(size.per_class), "class", plural="classes")
            said[0] += f", {classes}, of which the one in the middle has {size.middle:,}"
        limit = f"{MUCH:,}" + (f" and {MUCH_EACH} a class" if size.middle is not None else "")
        said[0] += f": {'much' if size.much else 'little'} data (much is from {limit} on)."
        if self.likeness is None:
            said.append("Likeness: this encoder has no batch norm that would remember its pre-training.")
        else:
            like, scenes = self.likeness.value, self.likeness.of("drawn scenes")
            what = "like" if self.likeness.similar else "unlike"
            said.append(
                f"Likeness: {like:.2f}, where photographs have 1, noise has 0 and drawn scenes have {scenes:.2f}: "
                f"{what} the pre-training (like is from {SIMILAR} on)."
            )
        table, last = self.table, self.table.rows[-1]
        said.append(
            f"Linear classifiers: {table.best.score:.1f} % {table.metric} from {table.best.name}, "
            f"{last.score:.1f} from {last.name}, {table.chance:.1f} by chance."
        )
        if self.similar and table.clearly_behind(last):
            said.append(
                f"But the last features are {last.behind:.1f} ± {last.behind_error:.1f} behind {table.best.name}: try "
                "transfer=stage_probe beside it."
            )
        elif not self.similar and not self.size.much and last is table.best:
            said.append("The last features are the best all the same: transfer=linear_probe will do about as well.")
        if table.above_chance is None:
            said.append(
                "All examples are of one group (subject or recording): the scores have no errors, and say nothing of "
                "another one."
            )
        elif not table.above_chance:
            said.append("No stage is clearly above chance: nothing shows that this encoder sees what counts here.")
        return said

    def to_text(self, command: str) -> str:
        """For people."""
        parts = [f"transfer={self.row}: {ROWS[self.size.much, self.similar][1]}", *self.reasons(), ""]
        parts += [self.likeness.to_text(), ""] if self.likeness is not None else []
        return "\n".join([*parts, self.table.to_text(), "", command])

    def to_dict(self, command: str) -> dict[str, Any]:
        """Plain data for programs."""
        return {
            "transfer": self.row,
            "much": self.size.much,
            "similar": self.similar,
            "reasons": self.reasons(),
            "items": self.size.items,
            "per_class": self.size.per_class,
            "likeness": self.likeness.to_dict() if self.likeness is not None else None,
            "stages": self.table.to_dict(),
            "command": command,
        }


def advise(
    make: Callable[..., Encoder],
    data: RecordData,
    *,
    pictures: int = 600,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> Advice:
    """The row for these training data and this encoder.

    make: gives the encoder with other arguments, `make(stages=[2])`. pictures: that are looked at; all are counted.
    """
    examples = examples_of(data, "train", at_most=pictures)
    order = np.random.default_rng(seed).permutation(len(examples))
    encoder = make(stages=None).to(device)
    alike = likeness(encoder, examples.pictures[torch.from_numpy(order)], seed=seed)
    features = stage_features(make, {"train": examples.pictures}, device=device)
    return Advice(size_of(data, examples), alike, probe_stages(features, examples, seed=seed))


def size_of(data: RecordData, examples: Examples) -> Size:
    """How much there is in the training split."""
    records = data.records["train"]
    if not isinstance(data, SequenceData):
        return Size(len(records), "pictures", {})
    if any(record.labels is not None for record in records):
        found = [_stretches(record.labels) for record in records if record.labels is not None]
        counts = np.sum([[(each == place).sum() for place in range(len(data.classes))] for each in found], axis=0)
        return Size(int(counts.sum()), "stretches of one label", dict(zip(data.classes, counts.tolist(), strict=True)))
    labels = [record.label for record in records if record.label is not None]
    unit = "pictures" if len(examples) == len(set(examples.records.tolist())) else "clips"
    return Size(len(labels), unit, {name: labels.count(name) for name in data.classes})


def _stretches(labels: np.ndarray) -> np.ndarray:
    """The label of each stretch of frames that have one and the same; of several labels a frame, of each by itself."""
    if labels.ndim == 2:
        return np.concatenate(
            [
                place * np.ones(int((np.diff(each, prepend=0) == 1).sum()), int)
                for place, each in enumerate((labels > 0).astype(int).T)
            ]
        )
    starts = np.flatnonzero(np.diff(labels, prepend=-2))
    return labels[starts][labels[starts] >= 0]
