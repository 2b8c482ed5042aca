"""Searches beside each other, to be compared."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seqvision.sweeps.proposal import Proposal, Scored, Strategy


class Beside:
    """All proposals of several searches that know theirs beforehand, such as a grid and draws. Each is called by its
    search and its number there: "grid 003".
    """

    def __init__(self, strategies: Mapping[str, Strategy]):
        self.strategies = strategies

    @property
    def described(self) -> Any:
        return next(iter(self.strategies.values())).described

    def propose(self, scored: Scored) -> list[Proposal]:
        if scored:
            return []
        return [
            replace(proposal, name=f"{kind} {proposal.name}")
            for kind, strategy in self.strategies.items()
            for proposal in strategy.propose([])
        ]

    def check(self) -> list[list[str]]:
        return [overrides for strategy in self.strategies.values() for overrides in strategy.check()]

    def notes(self, scored: Scored) -> list[str]:
        return []
