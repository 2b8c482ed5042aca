"""The likeliest path through a recording's labels, rather than the likeliest label of each frame by itself.

Source: Viterbi, "Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding Algorithm" (1967); with a
network's scores of single frames as Bourlard and Morgan, "Connectionist Speech Recognition" (1994).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from seqvision.errors import UserError

SMALLEST = 1e-30  # of a probability whose logarithm is taken
SEEN = 0.5  # added to every count of what follows what: never seen is not impossible


@dataclass(frozen=True, eq=False)
class LabelPath:
    """Labels (time,) of probabilities (time, classes): the path y that maximises

        Σ_t log p_t(y_t) + Σ over changes from a to b of (weight · log P(b | a) − cost).

    followers: log P(b | a), (classes + 1, classes); the last row is what a recording begins with. cost: of a change, in
    nats; what makes a label of few frames give way to its neighbours. tried: where both were tuned, what each weight
    and cost scored.
    """

    followers: np.ndarray
    weight: float = 1.0
    cost: float = 0.0
    tried: Mapping[tuple[float, float], float] = field(default_factory=dict)

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
        """The path for the mean of several networks' probabilities: log P(b | a) averaged, with the weight and cost
        whose scores, each network's on its own validation recordings, have the best mean; networks that validated on
        different folds choose on all of them. Where these were not tuned among the same, their means.

        places: where the first one's classes stand among those of each.
        """
        followers = np.mean(
            [path.followers[[*order, len(order)]][:, list(order)] for path, order in zip(paths, places, strict=True)],
            axis=0,
        )
        tried = paths[0].tried
        if not tried or any(path.tried.keys() != tried.keys() for path in paths):
            weight, cost = (float(np.mean(values)) for values in zip(*((p.weight, p.cost) for p in paths), strict=True))
            return cls(followers, weight=weight, cost=cost)
        scores = {choice: float(np.mean([path.tried[choice] for path in paths])) for choice in tried}
        weight, cost = max(scores, key=lambda choice: scores[choice])
        return cls(followers, weight=weight, cost=cost, tried=scores)

    def settings(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "followers": np.round(self.followers, 6).tolist(),
            "weight": self.weight,
            "cost": self.cost,
            "tried": [[*choice, score] for choice, score in self.tried.items()],
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "LabelPath":
        """The path of such data."""
        followers = np.array(settings["followers"], float)
        tried = {(float(weight), float(cost)): float(score) for weight, cost, score in settings.get("tried", ())}
        return cls(followers, weight=float(settings["weight"]), cost=float(settings["cost"]), tried=tried)


@dataclass(frozen=True)
class TunedLabelPath:
    """Makes the `LabelPath` that scores best on validation: how much a change costs, and what the labels' order in
    training weighs.

    costs: tried, in nats. weights: tried, 0 for no order. Of equals the first.
    """

    costs: Sequence[float | int] = (0, 1, 2, 4, 8, 12, 16, 24, 32)
    weights: Sequence[float | int] = (0, 1, 2, 3)

    def __call__(
        self,
        probabilities: Sequence[np.ndarray],
        followers: np.ndarray,
        score: Callable[[list[np.ndarray]], float],
    ) -> LabelPath:
        """followers: counts as `count_followers` gives them. score: of labels, a list of (time,); more is better."""
        if not self.costs or not self.weights:
            raise UserError("decoding.costs and decoding.weights: expected at least one number each")
        shares = (followers + SEEN) / (followers + SEEN).sum(axis=1, keepdims=True)
        path = LabelPath(np.log(shares))
        choices = [(float(weight), float(cost)) for weight, cost in product(self.weights, self.costs)]
        tried = {
            (weight, cost): score(replace(path, weight=weight, cost=cost).paths(probabilities))
            for weight, cost in choices
        }
        weight, cost = max(tried, key=lambda choice: tried[choice])
        return replace(path, weight=weight, cost=cost, tried=tried)
