"""Searches beside each other, to be compared."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seqvision.sweeps.proposal import Proposal, Scored, Strategy


class Beside:
    """As many proposals of each of several searches that know theirs beforehand, such as a grid and draws: the number
    of the search that has fewest. Each is called by its search and its number there: "grid 003".
    """

    def __init__(self, strategies: Mapping[str, Strategy]):
        self.strategies = strategies

    @property
    def described(self) -> Any:
        return next(iter(self.strategies.values())).described

    def propose(self, scored: Scored) -> list[Proposal]:
        if scored:
            return []
        proposals = {kind: strategy.propose([]) for kind, strategy in self.strategies.items()}
        fewest = min(len(own) for own in proposals.values())  # a grid has seldom exactly as many as it may have
        return [
            replace(proposal, name=f"{kind} {proposal.name}")
            for kind, own in proposals.items()
            for proposal in own[:fewest]
        ]

    def check(self) -> list[list[str]]:
        return [overrides for strategy in self.strategies.values() for overrides in strategy.check()]

    def notes(self, scored: Scored) -> list[str]:
        return []
