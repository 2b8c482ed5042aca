"""How much a linear classifier makes of each stage of an encoder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from seqvision.encoders.base import Encoder
from seqvision.errors import UserError
from seqvision.transfer.examples import Examples

STRENGTHS = tuple(10.0**power for power in range(0, 7))  # of the penalty, chosen by leaving out one example at a time
AT_ONCE = 64  # pictures that go through an encoder together


@dataclass(frozen=True)
class StageScore:
    """What the linear classifier on one stage comes to, in percent.

    stage: its number from 0, what `encoder.stages` takes; None: the network's own last features. features: their
    number. error: the standard error of the score. behind: how far it is behind the best stage's, and the standard
    error of that, over the same examples.
    """

    stage: int | None
    features: int
    score: float
    error: float
    behind: float
    behind_error: float

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "top" if self.stage is None else f"stage {self.stage}"


@dataclass(frozen=True)
class StageTable:
    """The scores of all stages, the first next to the pixels, and what needs no picture.

    metric: "accuracy" of classes, or "average precision", the mean over words or labels. chance: of the commonest
    class, or of an order by lot.
    """

    rows: tuple[StageScore, ...]
    metric: str
    chance: float
    examples: int

    @property
    def best(self) -> StageScore:
        """The best; of equals the one next to the pixels, which costs least."""
        return max(self.rows, key=lambda row: row.score)

    def to_text(self) -> str:
        """The table for people."""
        what = f"linear classifiers on the stages, {self.metric} in percent ({self.examples} pictures)"
        lines = [what, f"  {'chance':<9}{'':>8}  {self.chance:5.1f}"]
        for row in self.rows:
            mark = "  <- best" if row is self.best else ""
            lines.append(f"  {row.name:<9}{row.features:>8}  {row.score:5.1f} ± {row.error:.1f}{mark}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for programs."""
        rows = [{"name": row.name, **vars(row)} for row in self.rows]
        return {**vars(self), "rows": rows, "best": self.best.name}


def stage_features(
    make: Callable[..., Encoder],
    pictures: Mapping[str, UInt8[Tensor, "pictures channels height width"]],
    *,
    stages: Sequence[int] | None = None,
    device: torch.device | str = "cpu",
) -> dict[int | None, dict[str, Float[np.ndarray, "pictures features"]]]:
    """The pooled features of each of several sets of pictures by stage, the last features under None where they are
    others than the last stage's.

    make: gives the encoder with other arguments, `make(stages=[2, 3])`. stages: which; None: all and the last.
    """
    top = make(stages=None).to(device).eval()
    every = list(range(len(top.stage_modules()))) if stages is None else list(stages)
    several = make(stages=every).to(device).eval()
    found: dict[int | None, dict[str, Any]] = {stage: {} for stage in sorted(every)}
    widths = [channels.shape[1] * several.grid**2 for channels in several._probe(several.image_size)]
    for name, images in pictures.items():
        together = encode(several, images)
        for stage, part in zip(sorted(every), np.split(together, np.cumsum(widths)[:-1], axis=1), strict=True):
            found[stage][name] = part
        if stages is None:
            last = encode(top, images)
            if last.shape != found[every[-1]][name].shape or not np.allclose(last, found[every[-1]][name], atol=1e-4):
                found.setdefault(None, {})[name] = last
    return found


@torch.no_grad()
def encode(encoder: Encoder, pictures: Tensor) -> Float[np.ndarray, "pictures features"]:
    """The features of pictures, a few at a time."""
    device = encoder.mean.device
    return np.concatenate([encoder(part.to(device)).float().cpu().numpy() for part in pictures.split(AT_ONCE)])


def probe_stages(
    features: Mapping[int | None, Mapping[str, np.ndarray]],
    train: Examples,
    val: Examples | None = None,
    *,
    seed: int = 0,
) -> StageTable:
    """The table of linear classifiers (ridge regressions on ±1, each feature relative to its mean and deviation).

    features: those of "train", and of "val" where there is one: what is learnt from the one is then asked of the other.
    Without, each fifth of the training examples is asked of what is learnt from the others, no record being in both.
    """
    asked = train if val is None else val
    truth = asked.targets
    each = {}
    for stage, parts in features.items():
        if val is None:
            scores = _held_out(parts["train"], train, seed)
        else:
            scores = _scores(parts["train"], train.targets, parts["val"], len(train.names))
        each[stage] = _right(scores, truth)
    means = {stage: 100 * float(right.mean()) for stage, right in each.items()}
    best = max(means, key=means.__getitem__)
    rows = []
    for stage, right in each.items():
        behind = each[best] - right
        widths = features[stage]["train"].shape[1]
        rows.append(StageScore(stage, widths, means[stage], _error(right), 100 * float(behind.mean()), _error(behind)))
    if train.several:
        kept = truth.any(axis=0) & ~truth.all(axis=0)
        return StageTable(tuple(rows), "average precision", 100 * float(truth[:, kept].mean()), len(asked))
    commonest = np.bincount(train.targets).argmax()
    return StageTable(tuple(rows), "accuracy", 100 * float((truth == commonest).mean()), len(asked))


def _scores(
    rows: Float[np.ndarray, "examples features"],
    targets: Int[np.ndarray, " examples *names"],
    asked: Float[np.ndarray, "asked features"],
    names: int,
) -> Float[np.ndarray, "asked names"]:
    """What the classifier that is learnt from the rows says of other features."""
    from sklearn.linear_model import RidgeCV

    one_hot = targets if targets.ndim == 2 else targets[:, None] == np.arange(names)
    mean, deviation = rows.mean(0), rows.std(0)
    deviation = np.where(deviation > 1e-6, deviation, 1.0)
    model = RidgeCV(alphas=STRENGTHS).fit((rows - mean) / deviation, 2.0 * one_hot - 1)
    return model.predict((asked - mean) / deviation).reshape(len(asked), -1)


def _held_out(rows: np.ndarray, train: Examples, seed: int) -> Float[np.ndarray, "examples names"]:
    """Each example's scores by what was learnt from other records."""
    groups = np.unique(train.groups)
    folds = min(5, len(groups))
    if folds < 2:
        raise UserError("transfer: a single record to learn from and to ask of; expected five or more")
    mixed = np.random.default_rng(seed).permutation(groups).tolist()
    fold_of = {group: place % folds for place, group in enumerate(mixed)}
    fold = np.array([fold_of[group] for group in train.groups.tolist()])
    found = np.zeros((len(rows), len(train.names)))
    for number in range(folds):
        out = fold == number
        found[out] = _scores(rows[~out], train.targets[~out], rows[out], len(train.names))
    return found


def _right(scores: np.ndarray, truth: Int[np.ndarray, " asked *names"]) -> Float[np.ndarray, " parts"]:
    """1 for each example whose class is found, else 0; or the average precision of each word that some have."""
    if truth.ndim == 1:
        return (scores.argmax(axis=1) == truth).astype(float)
    from sklearn.metrics import average_precision_score

    kept = np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0))
    return np.array([average_precision_score(truth[:, name], scores[:, name]) for name in kept])


def _error(parts: np.ndarray) -> float:
    """The standard error of a mean, in percent."""
    return 100 * float(parts.std() / max(1, len(parts)) ** 0.5)
