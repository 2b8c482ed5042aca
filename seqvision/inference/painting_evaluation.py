"""What a painter knows of pictures that it has not seen: the bound in nats, and its parts."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqvision.data.binarise import binarised, own_noise
from seqvision.data.groups import group_of
from seqvision.data.labelled.reader import picture_of
from seqvision.data.progress import tracked
from seqvision.data.sequences.records import SequenceRecord
from seqvision.inference.painting import LoadedPainter
from seqvision.inference.resampling import Intervals, intervals_of_means
from seqvision.inference.sequence_evaluation import Scored
from seqvision.metrics import paired_difference
from seqvision.metrics.bootstrap import Groups
from seqvision.models import BernoulliPixels
from seqvision.wording import counted, some_of


@dataclass(frozen=True)
class Bounds:
    """In nats, a row a picture.

    left      −log p(x | canvas) of the canvas after each step, (pictures, steps): what is not yet painted
    kl        step by step, (pictures, steps)
    estimate  −log p(x) by importance weights, or None
    """

    left: np.ndarray
    kl: np.ndarray
    estimate: np.ndarray | None

    @property
    def reconstruction(self) -> np.ndarray:
        """−log p(x | z), of the last canvas."""
        found: np.ndarray = self.left[:, -1]
        return found

    @property
    def nats(self) -> np.ndarray:
        """Minus the bound."""
        found: np.ndarray = self.reconstruction + self.kl.sum(axis=1)
        return found

    def __getitem__(self, rows: slice) -> "Bounds":
        """The same of some of the pictures."""
        estimate = None if self.estimate is None else self.estimate[rows]
        return Bounds(self.left[rows], self.kl[rows], estimate)


@dataclass(frozen=True, kw_only=True)
class PaintingEvaluation(Scored):
    """How well a painter knows the pictures of a split, in nats a picture: less is better.

    scores: `nats`, minus the variational bound, which −log p(x) is below; `reconstruction` and `kl`, which add up
    to it; `importance_weighted`, nearer to −log p(x). controls: "mean_picture", −log p(x) by the model's own
    distribution of pixels round one canvas for all, the training pictures' mean. kl_by_step: what each step tells;
    left_by_step: −log p(picture | canvas) of the canvas after it, what is left to tell. differences: how many nats a
    picture another painter needs more.
    """

    pattern: str = "painting"
    kl_by_step: list[float]
    left_by_step: list[float]

    def own(self) -> dict[str, Any]:
        return {"details": {"kl_by_step": self.kl_by_step, "left_by_step": self.left_by_step}}


@torch.inference_mode()
def bounds_of(
    loaded: LoadedPainter, records: Sequence[SequenceRecord], *, batch_size: int = 100, importance: int = 0
) -> Bounds:
    """The bound of each record's picture, each with zeros, ones and noise of its own, whatever the batches.

    importance: how many draws the importance-weighted estimate takes; 0 for none.
    """
    model = loaded.model
    model.pixels.expect(loaded.binarise)
    parts: list[tuple[np.ndarray, ...]] = []
    starts = range(0, len(records), batch_size)
    for start in tracked(starts, total=len(starts), description="Painting"):
        part = records[start : start + batch_size]
        ids = [record.id for record in part]
        shown = pictures_of(loaded, part).to(loaded.device)
        labels = torch.tensor([loaded.symbols.places.get(str(record.label), -1) for record in part])
        labels = labels.to(loaded.device)
        shape = (model.steps, model.latent_size)
        bound = model(shown, labels, noise=own_noise(ids, *shape).to(shown), keep=True)
        left = [-model.pixels.log_likelihood(shown, canvas) for canvas in bound.drawing.canvases.unbind(1)]
        found = [torch.stack(left, dim=1), bound.kl]
        if importance:
            noise = (own_noise(ids, *shape, seed=draw + 1).to(shown) for draw in range(importance))
            found.append(-model.importance_weighted(shown, labels, noise=noise))
        parts.append(tuple(each.cpu().double().numpy() for each in found))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Bounds(columns[0], columns[1], columns[2] if importance else None)


def evaluate_painting(
    bounds: Bounds,
    records: Sequence[SequenceRecord],
    loaded: LoadedPainter,
    *,
    split: str,
    training: Sequence[SequenceRecord] = (),
    others: Mapping[str, Bounds] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> PaintingEvaluation:
    """The evaluation of bounds. training: whose mean picture is a control; others: bounds of other painters for the
    same records, by name; resamples: of the bootstrap, 0 leaves intervals and comparisons out.
    """
    columns = {"nats": bounds.nats, "reconstruction": bounds.reconstruction, "kl": bounds.kl.sum(axis=1)}
    if bounds.estimate is not None:
        columns["importance_weighted"] = bounds.estimate
    groups = [group_of(record) for record in records]
    intervals: Intervals = {}
    differences = {}
    if resamples:
        how: dict[str, Any] = {"groups": groups, "resamples": resamples, "seed": seed}
        intervals = intervals_of_means(columns, **how)
        differences = {
            name: {"nats": paired_difference(bounds.nats, other.nats, **how)} for name, other in (others or {}).items()
        }
    controls, notes = {}, [nats_of(loaded)]
    unknown = [record for record in records if str(record.label) not in loaded.symbols.places]
    if loaded.model.classes and unknown:
        labels = some_of(sorted({str(record.label or "none") for record in unknown}))
        notes.append(
            f"{len(unknown)} of {counted(len(records), 'picture')} without a class that the model is told "
            f"({labels}): scored as of no class, which it need not have learnt"
        )
    if training:
        nats = mean_picture_nats(loaded, training, records)
        controls["mean_picture"] = {"nats": float(nats.mean())}
    else:
        notes.append("no training pictures: the control that learns of them is left out")
    notes += [Groups(groups).said()] if resamples else []
    return PaintingEvaluation(
        split=split,
        sizes={"pictures": len(records)},
        scores={name: float(values.mean()) for name, values in columns.items()},
        intervals=intervals,
        controls=controls,
        differences=differences,
        kl_by_step=bounds.kl.mean(axis=0).tolist(),
        left_by_step=bounds.left.mean(axis=0).tolist(),
        rows=[
            {
                "id": record.id,
                "nats": float(bounds.nats[row]),
                "reconstruction": float(bounds.reconstruction[row]),
                "kl": [float(value) for value in bounds.kl[row]],
            }
            for row, record in enumerate(records)
        ],
        notes=notes,
    )


def nats_of(loaded: LoadedPainter) -> str:
    """What the nats are of, in a line."""
    if loaded.binarise != "none":
        return f"pictures of 0 and 1: {loaded.binarise}"
    if isinstance(loaded.model.pixels, BernoulliPixels):
        return "grey levels: nats are the mean over pictures of 0 and 1 that are drawn from them"
    return "grey levels: nats are of a density, and can be below zero"


def mean_picture_nats(
    loaded: LoadedPainter, training: Sequence[SequenceRecord], records: Sequence[SequenceRecord]
) -> np.ndarray:
    """−log p of each picture by the model's own distribution round the canvas that suits the training pictures best."""
    pixels, canvas = copy.deepcopy(loaded.model.pixels).cpu().baseline(pictures_of(loaded, training))
    shown = pictures_of(loaded, records)
    nats: np.ndarray = -pixels.log_likelihood(shown, canvas.expand_as(shown)).double().numpy()
    return nats


def pictures_of(loaded: LoadedPainter, records: Sequence[SequenceRecord]) -> torch.Tensor:
    """The records' pictures as the network is shown them."""
    images = loaded.pixels([picture_of(record) for record in records])
    return binarised(images, loaded.binarise, ids=[record.id for record in records])
