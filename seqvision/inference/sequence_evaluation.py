"""What is common to the evaluations of classes and of labelled frames: the result, and the comparison with others."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference.evaluation_data import evaluation_data
from seqvision.inference.resampling import MeanScore, Score, resample
from seqvision.metrics import PairedDifference

UNSIGNED = ("calibration_error", "cross_entropy")  # more of them is not better


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What is common to evaluations of a split: scores with intervals, beside controls and other networks.

    pattern: of the model. sizes: how many sequences, frames, … were scored, by what they are called.
    intervals: of 95 %. controls: scores by the control's name. differences: how much better the network is, score by
    score on the same items, than the best control and than another network, by their names. rows: the predictions, an
    entry an item. notes: how the controls were set, what was left out and why.
    """

    pattern: str
    split: str
    sizes: dict[str, int]
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    controls: dict[str, dict[str, float]]
    differences: dict[str, dict[str, PairedDifference]]
    rows: list[dict[str, Any]]
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """All that concerns the whole split, as plain data."""
        differences = {
            other: {name: found.to_dict() for name, found in scores.items()}
            for other, scores in self.differences.items()
        }
        return evaluation_data(
            pattern=self.pattern,
            split=self.split,
            sizes=self.sizes,
            scores=self.scores,
            intervals=self.intervals,
            controls=self.controls,
            differences=differences,
            notes=self.notes,
            **self.own(),
        )

    def own(self) -> dict[str, Any]:
        """What only this pattern's evaluation has, as arguments of `evaluation_data`."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SequenceEvaluation(Scored):
    """What a network's classes or labels of a split are worth, and what is worth a method without such a network.

    scores, per_class: in percent, as `seqvision.metrics` computes them; intervals: whole groups drawn with replacement.
    protocol: how segments were counted. collapse: a sentence where nearly all predictions are one class.
    """

    classes: tuple[str, ...]
    per_class: dict[str, list[float]]
    protocol: str | None
    collapse: str | None = None

    def own(self) -> dict[str, Any]:
        return {
            "protocol": self.protocol,
            "collapse": self.collapse,
            "classes": self.classes,
            "per_class": {name: [None if v != v else v for v in values] for name, values in self.per_class.items()},
        }


@dataclass(frozen=True)
class Compared:
    """The part of an evaluation that sets a network beside others."""

    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    controls: dict[str, dict[str, float]]
    differences: dict[str, dict[str, PairedDifference]]
    notes: list[str]


def compare(
    own: Score,
    controls: Mapping[str, Score],
    others: Mapping[str, Score],
    *,
    members: Sequence[Score] = (),
    groups: Sequence[Hashable],  # of each item, see `group_of`
    by: Sequence[str],
    resamples: int,
    seed: int,
) -> Compared:
    """The network's scores with their intervals beside the controls', and its differences from the best control (by the
    mean of the scores `by`), from every other network and, if it is an ensemble, from the mean of its `members`' scores
    ("mean_member"). notes: what the intervals speak of.
    """
    everything = np.arange(len(groups))
    of_controls = {name: dict(score(everything)) for name, score in controls.items()}
    mine = resample(own, groups, resamples=resamples, seed=seed, description="Intervals")
    rivals: dict[str, Score] = dict(others)
    if members:
        rivals["mean_member"] = MeanScore(members)
    able = [name for name in controls if name != "shuffled"]  # which nobody would use
    if able:
        best = max(able, key=lambda name: float(np.nanmean([of_controls[name][score] for score in by])))
        rivals[best] = controls[best]
    differences = {}
    names = [name for name in mine.scores if name not in UNSIGNED]
    for name, score in rivals.items():
        theirs = resample(score, groups, resamples=resamples, seed=seed, description=f"Intervals, {name}")
        differences[name] = mine.over(theirs, names=names)
    notes = [mine.groups.said()] if resamples else []
    return Compared(mine.scores, mine.intervals(), of_controls, differences, notes)


def in_classes_of(
    records: Sequence[SequenceRecord], found: Sequence[str], classes: Sequence[str]
) -> list[SequenceRecord]:
    """The records with the labels of their frames as places in the network's `classes`, not in the data's `found`.

    Raises `UserError` for a class that the network does not know.
    """
    used = {name for record in records if (name := record.label) is not None}
    for record in records:
        if record.labels is not None:
            used |= {found[place] for place in _occurring(record.labels)}
    unknown = sorted(used - set(classes))
    if unknown:
        raise UserError(
            f"the data have the class '{unknown[0]}', which the model does not know ({len(unknown)} of "
            f"{len(used)} classes; the model's are {', '.join(classes)}). Call it otherwise with "
            f"--data 'merge={{{unknown[0]}: …}}', or train a model on such data"
        )
    if list(found) == list(classes):
        return list(records)
    # where frames have several labels, the columns are moved, and -1 stands for what the data do not say
    places = {name: place for place, name in enumerate(found)}
    return [
        record if record.labels is None else replace(record, labels=_moved(record.labels, places, list(classes)))
        for record in records
    ]


def _occurring(labels: np.ndarray) -> list[int]:
    if labels.ndim == 1:
        return [int(place) for place in np.unique(labels) if place >= 0]
    return [int(place) for place in np.flatnonzero((labels == 1).any(axis=0))]


def _moved(labels: np.ndarray, places: Mapping[str, int], classes: Sequence[str]) -> np.ndarray:
    if labels.ndim == 1:
        new = np.full(len(places) + 1, -1, dtype=labels.dtype)
        for name, place in places.items():
            new[place] = classes.index(name) if name in classes else -1
        return new[labels]  # -1 is the last entry, which is -1
    columns = [labels[:, places[name]] if name in places else np.full(len(labels), -1) for name in classes]
    return np.stack(columns, axis=1)
