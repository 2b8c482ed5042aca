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
from seqvision.metrics.bootstrap import Groups, quantile, standard_error
from seqvision.transfer.examples import Examples
from seqvision.wording import counted

STRENGTHS = tuple(10.0**power for power in range(0, 7))  # of the penalty, chosen by leaving out one example at a time
AT_ONCE = 64  # pictures that go through an encoder together
RESAMPLES = 300  # from which standard errors come


@dataclass(frozen=True)
class StageScore:
    """What the linear classifier on one stage comes to, in percent.

    stage: its number from 0, what `encoder.stages` takes; None: the network's own last features. features: their
    number. behind: how far it is behind the best stage's; above: how far it is above chance. error, behind_error,
    above_error: the standard errors over groups (see `seqvision.metrics.bootstrap`), NaN where there is one only.
    """

    stage: int | None
    features: int
    score: float
    error: float
    behind: float
    behind_error: float
    above: float
    above_error: float

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "top" if self.stage is None else f"stage {self.stage}"


@dataclass(frozen=True)
class StageTable:
    """The scores of all stages, the first next to the pixels, and what needs no picture.

    metric: "accuracy" of classes, or "average precision", the mean over words or labels. chance: of the commonest
    class, or of an order by lot. groups: in how many the examples are.
    """

    rows: tuple[StageScore, ...]
    metric: str
    chance: float
    examples: int
    groups: int

    @property
    def best(self) -> StageScore:
        """The best; of equals the one next to the pixels, which costs least."""
        return max(self.rows, key=lambda row: row.score)

    def clearly_behind(self, row: StageScore) -> bool:
        """Whether more than chance puts a stage behind the best, which was picked from all the others (Bonferroni)."""
        level = 1 - 0.05 / max(1, len(self.rows) - 1)
        return row.behind > quantile(self.groups, level) * row.behind_error

    @property
    def above_chance(self) -> bool | None:
        """Whether the best stage is clearly above chance; None where one group says nothing of others."""
        if self.groups < 2:
            return None
        return self.best.above > quantile(self.groups, 1 - 0.05 / len(self.rows)) * self.best.above_error

    def to_text(self) -> str:
        """The table for people."""
        size = f"{counted(self.examples, 'picture')} in {counted(self.groups, 'group')}"
        errors = "± standard error" if self.groups > 1 else "no standard errors, which take two groups"
        what = f"linear classifiers on the stages, {self.metric} in percent ({size}; {errors})"
        lines = [what, f"  {'chance':<9}{'':>8}  {self.chance:5.1f}"]
        for row in self.rows:
            mark = "  <- best" if row is self.best else ""
            error = "" if np.isnan(row.error) else f" ± {row.error:.1f}"
            lines.append(f"  {row.name:<9}{row.features:>8}  {row.score:5.1f}{error}{mark}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for programs."""
        rows = [
            {"name": row.name, **{key: None if value != value else value for key, value in vars(row).items()}}
            for row in self.rows
        ]
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
    Without, each fifth of the training examples is asked of what is learnt from the others, no group being in both.
    """
    asked = train if val is None else val
    groups = Groups(asked.groups)
    draws = [np.bincount(drawn, minlength=groups.number) for drawn in groups.draws(RESAMPLES, seed)]
    weights = np.array([np.ones(groups.number), *draws])[:, groups.of_item]  # of all examples, then of each draw
    each: dict[int | None, np.ndarray] = {}
    for stage, parts in features.items():
        if val is None:
            scores = _held_out(parts["train"], train, seed)
        else:
            scores = _scores(parts["train"], train.targets, parts["val"], len(train.names))
        each[stage] = _values(scores, asked.targets, weights)
    chance = _chance(train, asked, weights)
    best = each[max(each, key=lambda stage: each[stage][0])]

    def with_error(values: np.ndarray) -> tuple[float, float]:
        return float(values[0]), standard_error(values[1:], groups.number)

    rows = [
        StageScore(
            stage,
            features[stage]["train"].shape[1],
            *with_error(values),
            *with_error(best - values),
            *with_error(values - chance),
        )
        for stage, values in each.items()
    ]
    metric = "average precision" if train.several else "accuracy"
    return StageTable(tuple(rows), metric, float(chance[0]), len(asked), groups.number)


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
    """Each example's scores by what was learnt from other groups, or where there is one only, from other records."""
    apart = train.groups if len(set(train.groups.tolist())) > 1 else train.records
    groups = np.unique(apart)
    folds = min(5, len(groups))
    if folds < 2:
        raise UserError("transfer: a single record to learn from and to ask of; expected five or more")
    mixed = np.random.default_rng(seed).permutation(groups).tolist()
    fold_of = {group: place % folds for place, group in enumerate(mixed)}
    fold = np.array([fold_of[group] for group in apart.tolist()])
    found = np.zeros((len(rows), len(train.names)))
    for number in range(folds):
        out = fold == number
        found[out] = _scores(rows[~out], train.targets[~out], rows[out], len(train.names))
    return found


def _values(
    scores: np.ndarray, truth: Int[np.ndarray, " asked *names"], weights: Float[np.ndarray, "draws asked"]
) -> Float[np.ndarray, " draws"]:
    """In percent, for each weighting of the examples: how many classes are found, or the mean average precision of
    the words that some examples have and others have not.
    """
    if truth.ndim == 1:
        right = scores.argmax(axis=1) == truth
        return 100 * weights @ right / weights.sum(axis=1)
    kept = np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0))
    each = [_average_precision(scores[:, name], truth[:, name], weights) for name in kept]
    return 100 * np.asarray(np.nanmean(each, axis=0))


def _average_precision(
    scores: Float[np.ndarray, " asked"], truth: Int[np.ndarray, " asked"], weights: Float[np.ndarray, "draws asked"]
) -> Float[np.ndarray, " draws"]:
    """Σ (R_n − R_{n−1}) P_n over the thresholds, as scikit-learn has it; NaN where a draw has no such example."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.inf))  # of equal scores the last
    found = np.cumsum(weights[:, order], axis=1)[:, ends]
    hits = np.cumsum(weights[:, order] * truth[order], axis=1)[:, ends]
    steps = np.diff(hits, axis=1, prepend=0)
    there = np.where(hits[:, -1] > 0, hits[:, -1], np.nan)
    return np.asarray((steps * hits / np.maximum(found, 1e-12)).sum(axis=1) / there)


def _chance(train: Examples, asked: Examples, weights: Float[np.ndarray, "draws asked"]) -> Float[np.ndarray, " draws"]:
    """What the commonest class finds, or an order by lot, in percent for each weighting."""
    truth = asked.targets
    if train.several:
        truth = truth[:, truth.any(axis=0) & ~truth.all(axis=0)].mean(axis=1)
    else:
        truth = truth == np.bincount(train.targets).argmax()
    return 100 * weights @ truth / weights.sum(axis=1)
