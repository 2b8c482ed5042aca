"""The likeliest path through a recording's labels, rather than the likeliest label of each frame by itself.

Source: Viterbi, "Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding Algorithm" (1967); with a
network's scores of single frames as Bourlard and Morgan, "Connectionist Speech Recognition" (1994).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from seqvision.errors import UserError

SMALLEST = 1e-30  # of a probability whose logarithm is taken
SEEN = 0.5  # added to every count of what follows what: never seen is not impossible


Choice: TypeAlias = tuple[float, float, float]  # weight, cost, features


def with_features(probabilities: np.ndarray, features: np.ndarray, share: float) -> np.ndarray:
    """The product p_t(y) · softmax(features_t)(y)^share, normalised: a network's and a frame classifier's opinions
    (Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", 2002). All (time, classes).
    """
    if not share:
        return probabilities
    from scipy.special import log_softmax, softmax  # here, because its start-up time is not for every command

    both = np.log(np.maximum(probabilities, SMALLEST)) + share * log_softmax(features, axis=1)
    mixed: np.ndarray = softmax(both, axis=1)
    return mixed


@dataclass(frozen=True, eq=False)
class LabelPath:
    """Labels (time,) of probabilities (time, classes): the path y that maximises

        Σ_t log p_t(y_t) + Σ over changes from a to b of (weight · log P(b | a) − cost).

    followers: log P(b | a), (classes + 1, classes); the last row is what a recording begins with. cost: of a change, in
    nats; what makes a label of few frames give way to its neighbours. features: how much the frames' own scores count
    where the features are a classifier's (`with_features`). tried: what each weight, cost and share scored in tuning.
    """

    followers: np.ndarray
    weight: float = 1.0
    cost: float = 0.0
    features: float = 0.0
    tried: Mapping[Choice, float] = field(default_factory=dict)

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        return self.paths([probabilities])[0]

    def paths(self, probabilities: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The path of each recording, all of them at once."""
        lengths = [len(each) for each in probabilities]
        classes = self.followers.shape[1]
        scores = np.zeros((max(lengths, default=0), len(lengths), classes))  # behind a recording's end nothing counts
        for row, each in enumerate(probabilities):
            scores[: lengths[row], row] = np.log(np.maximum(each, SMALLEST))
        if not len(scores):
            return [np.zeros(0, np.int64) for _ in lengths]
        change = self.weight * self.followers[:-1] - self.cost
        np.fill_diagonal(change, 0.0)  # no change, no cost
        best = scores[0] + self.weight * self.followers[-1]
        before = np.zeros(scores.shape, np.int32)
        rows = np.arange(len(lengths))
        for time in range(1, len(scores)):
            through = best[:, :, None] + change
            before[time] = through.argmax(axis=1)
            best = through.max(axis=1) + scores[time]
        path = np.zeros(scores.shape[:2], np.int64)
        path[-1] = best.argmax(axis=1)
        for time in range(len(scores) - 1, 0, -1):
            path[time - 1] = before[time, rows, path[time]]
        return [path[:length, row] for row, length in enumerate(lengths)]

    @classmethod
    def together(cls, paths: Sequence["LabelPath"], places: Sequence[Sequence[int]]) -> "LabelPath":
        """The path for the mean of several networks' probabilities: log P(b | a) averaged, with the choice whose
        scores, each network's on its own validation recordings, have the best mean; networks that validated on
        different folds choose on all of them. Where they were not tuned among the same, their means.

        places: where the first one's classes stand among those of each.
        """
        followers = np.mean(
            [path.followers[[*order, len(order)]][:, list(order)] for path, order in zip(paths, places, strict=True)],
            axis=0,
        )
        tried = paths[0].tried
        scores: dict[Choice, float] = {}
        if tried and all(path.tried.keys() == tried.keys() for path in paths):
            scores = {choice: float(np.mean([path.tried[choice] for path in paths])) for choice in tried}
            weight, cost, features = max(scores, key=lambda choice: scores[choice])
        else:
            weight, cost, features = np.mean([path.choice for path in paths], axis=0).tolist()
        return cls(followers, weight=weight, cost=cost, features=features, tried=scores)

    @property
    def choice(self) -> Choice:
        """What was tuned."""
        return self.weight, self.cost, self.features

    def settings(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "followers": np.round(self.followers, 6).tolist(),
            "weight": self.weight,
            "cost": self.cost,
            "features": self.features,
            "tried": [[*choice, score] for choice, score in self.tried.items()],
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "LabelPath":
        """The path of such data."""
        followers = np.array(settings["followers"], float)
        choice = (float(settings["weight"]), float(settings["cost"]), float(settings.get("features", 0.0)))
        tried = {
            (float(weight), float(cost), float(features)): float(score)
            for weight, cost, features, score in settings.get("tried", ())
        }
        return cls(followers, *choice, tried=tried)


@dataclass(frozen=True)
class TunedLabelPath:
    """Makes the `LabelPath` that scores best on validation: how much a change costs, and what the labels' order in
    training weighs.

    costs: tried, in nats. weights: tried, 0 for no order. features: tried, 0 for none, where there may be scores among
    the features. Of equals the first.
    """

    costs: Sequence[float | int] = (0, 1, 2, 4, 8, 12, 16, 24, 32)
    weights: Sequence[float | int] = (0, 1, 2, 3)
    features: Sequence[float | int] = (0, 1)

    def __call__(
        self,
        probabilities: Sequence[np.ndarray],
        followers: np.ndarray,
        score: Callable[[list[np.ndarray]], float],
        *,
        features: Sequence[np.ndarray] | None = None,
    ) -> LabelPath:
        """followers: counts as `count_followers` gives them. score: of labels, a list of (time,); more is better.
        features: of each recording, (time, classes), where they may be scores of the classes.
        """
        if not self.costs or not self.weights or not self.features:
            raise UserError("decoding.costs, decoding.weights and decoding.features: expected at least one number each")
        shares = (followers + SEEN) / (followers + SEEN).sum(axis=1, keepdims=True)
        path = LabelPath(np.log(shares))
        tried: dict[Choice, float] = {}
        for share in map(float, self.features if features is not None else (0,)):
            mixed = probabilities
            if features is not None:
                mixed = [with_features(p, f, share) for p, f in zip(probabilities, features, strict=True)]
            for weight, cost in product(map(float, self.weights), map(float, self.costs)):
                tried[weight, cost, share] = score(replace(path, weight=weight, cost=cost).paths(mixed))
        weight, cost, share = max(tried, key=lambda choice: tried[choice])
        return replace(path, weight=weight, cost=cost, features=share, tried=tried)
