"""Searches of a space: a grid, draws, and draws that come nearer and nearer to the best."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from seqvision.errors import UserError
from seqvision.sweeps.proposal import Proposal, Scored
from seqvision.sweeps.space import Choice, Range, Space, overrides_of


class Search:
    """What all searches share. space: as `Space` reads it; trials: how many are proposed (at most);
    epochs: `trainer.max_epochs` of each; mode: whether more of the score is better (max) or less (min).
    """

    def __init__(self, space: Mapping[str, Any], *, trials: int, epochs: int | None = None, mode: str = "max"):
        self.space = Space(space)
        if trials < 1:
            raise UserError(f"sweep.trials is {trials}; expected 1 or more")
        self.trials, self.epochs, self.mode = trials, epochs, mode

    @property
    def described(self) -> dict[str, Any]:
        return self.space.described()

    def propose(self, scored: Scored) -> list[Proposal]:
        raise NotImplementedError

    def check(self) -> list[list[str]]:
        return [list(overrides_of(values)) for values in self.space.every_choice()]

    def notes(self, scored: Scored) -> list[str]:
        """Where the best lies at an edge of what was searched."""
        best = self.best(scored)
        return self.space.edges(best.values) if best else []

    def best(self, scored: Scored) -> Proposal | None:
        """The best so far, if any has a score."""
        known = [(proposal, score) for proposal, score in scored if score is not None]
        if not known:
            return None
        choose = max if self.mode == "max" else min
        return choose(known, key=lambda entry: entry[1])[0]

    def proposal(self, number: int, values: Mapping[str, Any], *, epochs: int | None = None) -> Proposal:
        """The values under their number."""
        length = () if epochs is None else (f"trainer.max_epochs={epochs}",)
        return Proposal(f"{number:03}", (*overrides_of(values), *length), dict(values))


class Grid(Search):
    """All combinations of the choices with as many evenly spaced values of each range as `trials` allows."""

    def propose(self, scored: Scored) -> list[Proposal]:
        if scored:
            return []
        axes = self.space.axes
        ranges = [axis for axis in axes.values() if isinstance(axis, Range)]
        combinations = int(np.prod([len(axis.values) for axis in axes.values() if isinstance(axis, Choice)]))
        points = 1
        while ranges and combinations * (points + 1) ** len(ranges) <= self.trials:
            points += 1
        if combinations > self.trials or (ranges and points < 2):
            least = combinations * 2 ** len(ranges)
            raise UserError(f"sweep.trials is {self.trials}; a grid over this space has {least} at least")
        values = [
            list(axis.values) if isinstance(axis, Choice) else _once([axis.at(i / (points - 1)) for i in range(points)])
            for axis in axes.values()
        ]
        return [
            self.proposal(number, dict(zip(axes, each, strict=True)), epochs=self.epochs)
            for number, each in enumerate(product(*values))
        ]


class Random(Search):
    """Draws, each even over every axis's scale. More `trials` later add to those that there are."""

    def __init__(self, space: Mapping[str, Any], *, seed: int = 0, **settings: Any):
        super().__init__(space, **settings)
        self.seed = seed

    def propose(self, scored: Scored) -> list[Proposal]:
        if scored:
            return []
        draws = np.random.default_rng(self.seed)
        shares = [draws.random(len(self.space.axes)).tolist() for _ in range(self.trials)]
        return [self.proposal(number, self.space.at(each), epochs=self.epochs) for number, each in enumerate(shares)]


class CoarseToFine(Search):
    """Draws over the whole space, then in rounds, each over a part round the best so far that is `narrow` times as wide
    as the one before, on each axis; choices are kept while the better half of the trials has them.

    epochs: a number, or one for each round: short trainings at first, longer ones where it matters.
    """

    def __init__(
        self,
        space: Mapping[str, Any],
        *,
        rounds: int = 3,
        narrow: int | float = 0.4,
        seed: int = 0,
        epochs: int | Sequence[int] | None = None,
        **settings: Any,
    ):
        super().__init__(space, **settings)
        if not 1 <= rounds <= self.trials:
            raise UserError(f"sweep.rounds is {rounds}; expected 1 to sweep.trials, which is {self.trials}")
        if not 0 < narrow <= 1:
            raise UserError(f"sweep.narrow is {narrow}; expected above 0 and at most 1")
        self.by_round = list(epochs) if isinstance(epochs, Sequence) else [epochs] * rounds
        if len(self.by_round) != rounds:
            raise UserError(f"sweep.epochs has {len(self.by_round)} numbers for {rounds} rounds; expected one for each")
        self.rounds, self.narrow, self.seed = rounds, narrow, seed
        self.sizes = [len(part) for part in np.array_split(range(self.trials), rounds)]

    def propose(self, scored: Scored) -> list[Proposal]:
        starts = np.cumsum([0, *self.sizes]).tolist()
        if len(scored) == self.trials:
            return []
        number = starts.index(len(scored))
        draws = np.random.default_rng([self.seed, number])
        ends = self._ends(scored, self.narrow**number)
        low, high = np.array(ends).T
        shares = low + (high - low) * draws.random((self.sizes[number], len(ends)))
        found = []
        for place, each in enumerate(shares.tolist()):
            values = self.space.at(each)
            for key, axis in self.space.axes.items():
                if isinstance(axis, Choice):
                    kept = self._kept(key, scored) or axis.values
                    values[key] = kept[int(draws.integers(len(kept)))]
            found.append(self.proposal(starts[number] + place, values, epochs=self.by_round[number]))
        return found

    def _ends(self, scored: Scored, width: float) -> list[tuple[float, float]]:
        """The part of each axis that is searched now: of that width, round the best, not beyond the whole."""
        best = self.best(scored)
        if best is None:
            return [(0.0, 1.0)] * len(self.space.axes)
        middles = self.space.shares(best.values)
        lows = [min(max(0.0, middle - width / 2), 1 - width) for middle in middles]
        return [(low, low + width) for low in lows]

    def _kept(self, key: str, scored: Scored) -> list[Any]:
        """The choices that the better half has."""
        known = sorted(
            [(proposal, score) for proposal, score in scored if score is not None],
            key=lambda entry: entry[1],
            reverse=self.mode == "max",
        )
        return _once([proposal.values[key] for proposal, _ in known[: -(-len(known) // 2)]])


def _once(values: Sequence[Any]) -> list[Any]:
    """Each value once, in their order."""
    return [value for place, value in enumerate(values) if value not in values[:place]]
