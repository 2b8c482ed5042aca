"""Pictures in; what they say, how surely, and where the reader looked, out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seqvision.data.labelled.batches import picture_batch
from seqvision.data.labelled.reader import Picture, WholePictureReader
from seqvision.data.labelled.symbols import Symbols, written
from seqvision.data.loading import seed_of
from seqvision.errors import UserError
from seqvision.inference.checkpoint import LoadedModel
from seqvision.inference.strings import best_string
from seqvision.models import Reader
from seqvision.wording import counted

MOST_LOOKS = 10_000  # of a picture: a checkpoint may not ask for work without end


@dataclass(frozen=True)
class LoadedReader(LoadedModel):
    """A reader with what its labels are made of, and what brings pictures into the form that it knows.

    stopping: (threshold, accuracy in percent, looks) on validation pictures, had it stopped as soon as it was so sure.
    """

    pattern: ClassVar[str] = "reading"
    network: ClassVar[type[nn.Module]] = Reader

    symbols: Symbols
    reader: WholePictureReader
    stopping: tuple[tuple[float, float, float], ...]

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        symbols = Symbols(**held["symbols"])
        if (symbols.classes, symbols.objects) != (model.classes, model.objects):
            raise UserError(
                f"has {symbols.classes} classes in labels of {symbols.objects} for a network of {model.classes} in "
                f"labels of {model.objects}; take another copy"
            )
        if not 0 < model.looks * model.objects <= MOST_LOOKS:
            raise UserError(f"{model.looks} looks at each of {model.objects} symbols; expected {MOST_LOOKS:,} at most")
        stopping = tuple((float(t), float(a), float(n)) for t, a, n in held.get("stopping", ()))
        return {"symbols": symbols, "reader": WholePictureReader.from_settings(held["reader"]), "stopping": stopping}

    def threshold(self, look_cost: float) -> float:
        """How sure the reader must be to stop, if a look costs as much as `look_cost` percent of accuracy."""
        if self.symbols.objects > 1:
            raise UserError("--look-cost: this model reads strings; only a reader of one label can stop early")
        if not self.stopping:
            raise UserError("--look-cost: the checkpoint does not know how sure is sure; train it with this version")
        return max(self.stopping, key=lambda entry: entry[1] - look_cost * entry[2])[0]


@dataclass(frozen=True)
class Read:
    """What was read of a picture.

    label         its symbols, put together as the training labels are
    symbols       one by one; probabilities: of each
    places        where it looked: x and y from −1 to 1, (looks, 2)
    beliefs       the probabilities of all classes after each look, (looks, classes), the end mark last if there is one
    probability   of the whole label
    """

    label: str
    symbols: list[str]
    probabilities: list[float]
    probability: float
    places: np.ndarray
    beliefs: np.ndarray


def check_readers(readers: Sequence[LoadedReader]) -> None:
    """Nothing, if the readers' answers can be averaged; else a UserError."""
    first, *others = readers
    for other in others:
        same = other.symbols.settings() == first.symbols.settings()
        if not same or other.model.looks != first.model.looks:
            raise UserError(
                f"{other.path} reads {other.symbols} in {counted(other.model.looks, 'look')} for each, and "
                f"{first.path} {first.symbols} in {first.model.looks}; only readers of the same can be taken together"
            )


def check_directions(loaded: LoadedReader, backward: LoadedReader) -> None:
    """Nothing, if the second reads the same strings as the first from their other end; else a UserError."""
    mine, other = loaded.symbols, backward.symbols
    if mine.objects == 1:
        raise UserError(
            f"{loaded.path} reads {mine}, one a picture, which have no direction; leave the other reader out"
        )
    if other.backward == mine.backward or other.names != mine.names:
        raise UserError(
            f"{backward.path}: expected a reader of the same symbols ({', '.join(mine.names)}) in the opposite "
            f"direction; train it with data.backward={'false' if mine.backward else 'true'}"
        )
    if (other.most, other.several) != (mine.most, mine.several):
        raise UserError(
            f"{backward.path} reads {other}, and {loaded.path} {mine}; train both on strings of the same lengths"
        )


@torch.inference_mode()
def read_paths(
    loaded: LoadedReader, pictures: Sequence[Tensor], *, paths: int = 0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities (pictures, looks, classes) and the places (pictures, looks, 2) of pictures (C, H, W).

    paths: 0 for the mean path; otherwise the mean of the probabilities over so many drawn ones, and the first one's
    places.
    """
    batch = picture_batch([""] * len(pictures), pictures, [[]] * len(pictures)).to(loaded.device)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_of(seed))
        readings = [loaded.model(batch.images, batch.sizes, sample=paths > 0) for _ in range(max(1, paths))]
    beliefs = torch.stack([reading.logits.float().softmax(dim=-1) for reading in readings]).mean(dim=0)
    return beliefs.cpu().numpy(), readings[0].places.float().cpu().numpy()


def read(
    readers: LoadedReader | Sequence[LoadedReader],
    pictures: Sequence[Picture],
    *,
    batch_size: int = 32,
    paths: int = 0,
    threshold: float | None = None,
    seed: int = 0,
    backward: LoadedReader | None = None,
    on_unreadable: Callable[[Picture, UserError], None] | None = None,
) -> Iterator[tuple[Picture, Read]]:
    """Each picture with what was read of it, in order, as it is made: of several readers by the mean of their
    probabilities, each on a path of its own, and the first one's path.

    paths: as in `read_paths`. threshold: stop at the first look after which the likeliest class is that likely.
    backward: a reader of the same strings from the other end, whose scores are averaged with these
        (see `check_directions`).
    A picture that cannot be read is handed to `on_unreadable` and left out; without it the `UserError` is raised.
    """
    members = [readers] if isinstance(readers, LoadedReader) else list(readers)
    check_readers(members)
    loaded = members[0]
    for start in range(0, len(pictures), batch_size):
        names: list[Picture] = []
        pixels: list[list[Tensor]] = []
        mirrored: list[Tensor] = []
        for picture in pictures[start : start + batch_size]:
            try:
                seen = [member.reader(picture) for member in members]
                mirrored.append(backward.reader(picture) if backward else seen[0])
                pixels.append(seen)
                names.append(picture)
            except UserError as error:
                if on_unreadable is None:
                    raise
                on_unreadable(picture, error)
        if not names:
            continue
        found = [
            read_paths(member, list(theirs), paths=paths, seed=seed)
            for member, theirs in zip(members, zip(*pixels, strict=True), strict=True)
        ]
        beliefs, places = np.mean([each for each, _ in found], axis=0), found[0][1]
        behind = said(backward, read_paths(backward, mirrored, paths=paths, seed=seed)[0]) if backward else None
        for row, picture in enumerate(names):
            other = behind[row] if behind is not None else None
            yield picture, answer(loaded, beliefs[row], places[row], threshold=threshold, backward=other)


def said(loaded: LoadedReader, beliefs: np.ndarray) -> np.ndarray:
    """Of beliefs (…, looks, classes) those after the last look at each symbol, (…, symbols, classes)."""
    return beliefs[..., loaded.model.looks - 1 :: loaded.model.looks, :]


def answer(
    loaded: LoadedReader,
    beliefs: np.ndarray,
    places: np.ndarray,
    *,
    threshold: float | None = None,
    backward: np.ndarray | None = None,
) -> Read:
    """What beliefs (looks, classes) after looks at places (looks, 2) amount to. backward: what a reader of the other
    direction `said`, (symbols, classes)."""
    symbols, looks = loaded.symbols, loaded.model.looks
    if threshold is not None:
        sure = np.flatnonzero(beliefs.max(axis=1) >= threshold)
        stop = int(sure[0]) + 1 if len(sure) else len(beliefs)
        beliefs, places, looks = beliefs[:stop], places[:stop], stop
    last = beliefs[looks - 1 :: looks]
    chosen, probability = best_string(last, end=symbols.end, backward=backward)
    found = symbols.decode(chosen)
    likely = [float(row[place]) for row, place in zip(last, chosen, strict=False)][: len(found)]
    used = (len(found) + symbols.several) * looks  # what lies behind the end mark was of no use
    return Read(
        label=written(found, symbols.names),
        symbols=found,
        probabilities=likely[::-1] if symbols.backward else likely,
        probability=probability,
        places=places[: max(used, looks)],
        beliefs=beliefs[: max(used, looks)],
    )
