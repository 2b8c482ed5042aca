"""The likeliest path through a recording's labels, rather than the likeliest label of each frame by itself.

Source: Viterbi, "Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding Algorithm" (1967); with a
network's scores of single frames as Bourlard and Morgan, "Connectionist Speech Recognition" (1994).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    nats; what makes a label of few frames give way to its neighbours.
    """

    followers: np.ndarray
    weight: float = 1.0
    cost: float = 0.0

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
    def mean(cls, paths: Sequence["LabelPath"], places: Sequence[Sequence[int]]) -> "LabelPath":
        """Costs, weights and log P(b | a) averaged; places: where the first one's classes stand among those of each."""
        followers = [
            path.followers[[*order, len(order)]][:, list(order)] for path, order in zip(paths, places, strict=True)
        ]
        return cls(
            np.mean(followers, axis=0),
            weight=float(np.mean([path.weight for path in paths])),
            cost=float(np.mean([path.cost for path in paths])),
        )

    def settings(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"followers": np.round(self.followers, 6).tolist(), "weight": self.weight, "cost": self.cost}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "LabelPath":
        """The path of such data."""
        followers = np.array(settings["followers"], float)
        return cls(followers, weight=float(settings["weight"]), cost=float(settings["cost"]))


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
        tried = [
            LabelPath(np.log(shares), weight=float(weight), cost=float(cost))
            for weight, cost in product(self.weights, self.costs)
        ]
        return max(tried, key=lambda path: score(path.paths(probabilities)))
