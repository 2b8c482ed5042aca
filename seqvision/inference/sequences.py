"""Sequences in, classes or labels for their frames out: what the commands, the report and the notebooks share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from seqvision.data import FeatureReader, PictureReader, TextReader, VideoReader
from seqvision.data.sequences.batches import sequence_batch
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.records import Source
from seqvision.decoding import LabelPath, with_features
from seqvision.errors import UserError
from seqvision.inference.checkpoint import LoadedModel
from seqvision.models import FrameLabeller, SequenceClassifier
from seqvision.models.sequences import RecurrentState
from seqvision.rnn.unroll import valid_steps

READERS: dict[str, type[FrameReader]] = {
    kind.__name__: kind for kind in (FeatureReader, PictureReader, TextReader, VideoReader)
}
PART = 1024  # frames that are read and looked at together
BYTES = 1 << 28  # of frames that are held at once


SequenceT = TypeVar("SequenceT", bound="LoadedSequenceModel")


@dataclass(frozen=True)
class LoadedSequenceModel(LoadedModel):
    """A network for sequences with the names of its classes and the reader of its validation.

    thresholds: with several labels a frame, from which probability on each is there; None with one label.
    """

    classes: tuple[str, ...]
    reader: FrameReader
    thresholds: tuple[float, ...] | None

    def reading_as(self: SequenceT, changes: Mapping[str, Any]) -> SequenceT:
        return replace(self, reader=self.reader.adjusted(changes))

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        settings = dict(held["reader"])
        kind = READERS.get(str(settings.pop("kind")))
        if kind is None:
            raise UserError(f"reads its frames with '{held['reader']['kind']}', expected one of {', '.join(READERS)}")
        classes = tuple(str(name) for name in held["classes"])
        if len(classes) != model.classes:
            raise UserError(f"has {len(classes)} names for {model.classes} classes; take another copy")
        thresholds, several = None, held.get("multilabel", False)
        if not isinstance(several, bool):
            raise UserError(f"multilabel is {several!r:.80}; expected true or false")
        if several:
            thresholds = tuple(float(value) for value in held.get("thresholds", [0.5] * len(classes)))
            if len(thresholds) != len(classes):
                raise UserError(f"has {len(thresholds)} thresholds for {len(classes)} classes; take another copy")
        return {"classes": classes, "reader": kind.from_settings(settings), "thresholds": thresholds}


@dataclass(frozen=True)
class LoadedClassifier(LoadedSequenceModel):
    """A classifier of whole sequences."""

    pattern: ClassVar[str] = "classification"
    network: ClassVar[type[nn.Module]] = SequenceClassifier


@dataclass(frozen=True)
class LoadedLabeller(LoadedSequenceModel):
    """A labeller of frames.

    path_of_labels: how labels are chosen from all probabilities of a recording, in which features that are scores have
        their share; None: frame by frame.
    """

    path_of_labels: LabelPath | None = None

    pattern: ClassVar[str] = "labelling"
    network: ClassVar[type[nn.Module]] = FrameLabeller

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        parts, settings = super().parts(held, model), held.get("label_path")
        path = LabelPath.from_settings(settings) if settings else None
        number = len(parts["classes"])
        if path is not None and path.followers.shape != (number + 1, number):
            raise UserError(f"a path of labels of shape {path.followers.shape} for {number} classes; take another copy")
        return {**parts, "path_of_labels": path}

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """The labels (time,) of probabilities (time, classes); with several labels a frame, 0 and 1 (time, classes)."""
        if self.path_of_labels is not None:
            return self.path_of_labels(probabilities)
        return decided(probabilities, self.thresholds)


def decided(probabilities: np.ndarray, thresholds: Sequence[float] | None) -> np.ndarray:
    """Each frame's likeliest label; with thresholds, which labels are there, 0 and 1 (time, classes)."""
    if thresholds is None:
        return probabilities.argmax(axis=1)
    return (probabilities >= np.asarray(thresholds)).astype(np.int64)


def classify(
    classifiers: LoadedClassifier | Sequence[LoadedClassifier],
    sources: Sequence[Source],
    *,
    batch_size: int = 32,
    on_unreadable: Callable[[Source, UserError], None] | None = None,
) -> Iterator[tuple[Source, np.ndarray]]:
    """Each source with the probabilities (classes,) of its classes, in order, as they are made.

    Of several classifiers, which must have the same classes, the mean, in the order of the first one's classes. A
    source that cannot be read is handed to `on_unreadable` and left out; without it the `UserError` is raised.
    """
    members = [classifiers] if isinstance(classifiers, LoadedClassifier) else list(classifiers)
    places = class_places(members)
    for readable, frames in _batches(members, sources, batch_size, on_unreadable):
        names = [_name(source) for source in readable]
        found = [_probabilities(member, names, part) for member, part in zip(members, frames, strict=True)]
        together = [each[:, order] for each, order in zip(found, places, strict=True)]
        yield from zip(readable, np.mean(together, axis=0), strict=True)


def label(
    labellers: LoadedLabeller | Sequence[LoadedLabeller],
    source: Source,
    *,
    start: int = 0,
    stop: int | None = None,
    part: int = PART,
    watch: Callable[[Iterator[Tensor]], Iterator[Tensor]] = iter,
) -> np.ndarray:
    """The probabilities (time, classes) of a source's frames; of several labellers, which must have the same classes,
    the mean, in the order of the first one's classes.

    Frames are read and looked at `part` at a time, so that an hour of video needs no more memory than a minute, but for
    the vectors of its frames where the network looks in both directions. What comes out is that of one pass over all.
    watch: what the parts pass through on their way, such as a progress bar.
    """
    members = [labellers] if isinstance(labellers, LoadedLabeller) else list(labellers)
    found = [
        _labelled(member, source, start, stop, part, watch)[:, order]
        for member, order in zip(members, class_places(members), strict=True)
    ]
    for member, each in zip(members, found, strict=True):
        if len(each) != len(found[0]):
            raise UserError(
                f"{_name(source)}: {len(found[0])} frames for {members[0].path}, {len(each)} for {member.path}; only "
                "labellers that take the same frames of a recording can be taken together"
            )
    mean: np.ndarray = np.mean(found, axis=0)
    return mean


def _labelled(
    labeller: LoadedLabeller,
    source: Source,
    start: int,
    stop: int | None,
    part: int,
    watch: Callable[[Iterator[Tensor]], Iterator[Tensor]],
) -> np.ndarray:
    """The probabilities of one labeller."""
    stream = LabelStream(labeller)
    both = not labeller.model.forward_only
    share = 0.0 if labeller.path_of_labels is None else labeller.path_of_labels.features
    found, vectors, features = [], [], []
    for frames in watch(_parts(labeller.reader, source, start, stop, part)):
        if share:
            features.append(frames.float().numpy())
        if both:
            vectors.append(stream.vectors(frames))
        else:
            found.append(stream(frames))
    if not found and not vectors:
        raise UserError(f"{_name(source)}: no frames in it")
    probabilities = stream.whole(torch.cat(vectors, dim=1)) if both else np.concatenate(found)
    return with_features(probabilities, np.concatenate(features), share) if share else probabilities


class LabelStream:
    """Labels for frames as they come, in parts of any size, down to one frame: what one pass over all would give.

    Only a forward-only labeller can do that; of another it raises a `UserError` when it is given frames.
    """

    def __init__(self, labeller: LoadedLabeller):
        self.labeller = labeller
        self.state: RecurrentState | None = None

    def check(self) -> None:
        """Raises a `UserError` where the labeller needs frames that have not come yet."""
        if not self.labeller.model.forward_only:
            raise UserError(
                "a bidirectional labeller needs the whole recording before it can say anything; for frames as they "
                "come train one with rnn.bidirectional=false"
            )

    @torch.inference_mode()
    def __call__(self, frames: Tensor) -> np.ndarray:
        """The probabilities (time, classes) of the next frames (time, …)."""
        self.check()
        return self._decided(self.vectors(frames), carry=True)

    @torch.inference_mode()
    def vectors(self, frames: Tensor) -> Tensor:
        """The front's vectors (1, time, size) of the frames."""
        batch = frames.unsqueeze(0).to(self.labeller.device)
        valid = valid_steps(torch.tensor([len(frames)], device=batch.device), len(frames))
        vectors: Tensor = self.labeller.model.front(batch, valid)
        return vectors

    @torch.inference_mode()
    def whole(self, vectors: Tensor) -> np.ndarray:
        """The probabilities (time, classes) of a whole recording from its frames' vectors (1, time, size)."""
        return self._decided(vectors, carry=False)

    def _decided(self, vectors: Tensor, *, carry: bool) -> np.ndarray:
        lengths = torch.tensor([vectors.shape[1]], device=vectors.device)
        logits, state = self.labeller.model.label(vectors, lengths, self.state if carry else None)
        if carry:
            self.state = state
        scores = logits[0].float()
        probabilities = scores.softmax(dim=-1) if self.labeller.thresholds is None else scores.sigmoid()
        return probabilities.cpu().numpy()


def deciding_together(labellers: Sequence[LoadedLabeller]) -> list[LoadedLabeller]:
    """The labellers, of which the first decides on the mean of all by what all were tuned to: the mean of their
    thresholds, or their `LabelPath.together`. UserError where the labellers do not have the same classes.
    """
    (first, *others), places = labellers, class_places(labellers)
    if first.thresholds is not None:
        thresholds = [np.asarray(each.thresholds)[order] for each, order in zip(labellers, places, strict=True)]
        return [replace(first, thresholds=tuple(np.mean(thresholds, axis=0).tolist())), *others]
    paths = [each.path_of_labels for each in labellers if each.path_of_labels is not None]
    if len(paths) < len(labellers):
        return list(labellers)
    path = LabelPath.together(paths, places)
    tuned = [replace(own, weight=path.weight, cost=path.cost, features=path.features) for own in paths[1:]]
    return [
        replace(first, path_of_labels=path),
        *(replace(each, path_of_labels=own) for each, own in zip(others, tuned, strict=True)),
    ]


def class_places(members: Sequence[LoadedSequenceModel]) -> list[list[int]]:
    """Where the first one's classes stand among those of each; a UserError where there are others."""
    first = members[0]
    for member in members:
        if sorted(member.classes) != sorted(first.classes):
            other = sorted({*member.classes} ^ {*first.classes})
            raise UserError(
                f"{member.path} has other classes than {first.path} ({', '.join(other[:5])}); only models of the same "
                "classes can be taken together"
            )
        if (member.thresholds is None) != (first.thresholds is None):
            raise UserError(
                f"{member.path} and {first.path} cannot be taken together: one has a label a frame, one several"
            )
    return [[member.classes.index(name) for name in first.classes] for member in members]


def _batches(
    members: Sequence[LoadedClassifier],
    sources: Sequence[Source],
    batch_size: int,
    on_unreadable: Callable[[Source, UserError], None] | None,
) -> Iterator[tuple[list[Source], list[list[Tensor]]]]:
    """The sources that can be read, at most `batch_size` and about `BYTES` at a time, with each member's frames."""
    readable: list[Source] = []
    frames: list[list[Tensor]] = [[] for _ in members]
    held = 0
    for source in sources:
        try:
            came = [_frames(member.reader, source) for member in members]
        except UserError as error:
            if on_unreadable is None:
                raise
            on_unreadable(source, error)
            continue
        size = sum(each.numel() * each.element_size() for each in came)
        if readable and (len(readable) == batch_size or held + size > BYTES):
            yield readable, frames
            readable, frames, held = [], [[] for _ in members], 0
        readable.append(source)
        held += size
        for mine, each in zip(frames, came, strict=True):
            mine.append(each)
    if readable:
        yield readable, frames


@torch.inference_mode()
def _probabilities(classifier: LoadedClassifier, names: list[str], frames: list[Tensor]) -> np.ndarray:
    batch = sequence_batch(names, frames).to(classifier.device)
    logits: Tensor = classifier.model(batch.frames, batch.lengths)
    return logits.float().softmax(dim=-1).cpu().numpy()


def _frames(reader: FrameReader, source: Source) -> Tensor:
    frames = reader.read(source)
    if not len(frames):
        raise UserError(f"{_name(source)}: no frames in it")
    return frames


def _parts(reader: FrameReader, source: Source, start: int, stop: int | None, size: int) -> Iterator[Tensor]:
    """The frames in parts; videos are decoded once, from one end to the other."""
    if isinstance(reader, VideoReader):
        yield from reader.read_chunks(source, start, stop, size=size)
        return
    last = reader.length(source) if stop is None else stop
    for first in range(start, last, size):
        yield reader.read(source, first, min(first + size, last))


def _name(source: Source) -> str:
    return "an array" if isinstance(source, np.ndarray) else str(source)
