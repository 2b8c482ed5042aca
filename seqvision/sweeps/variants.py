"""Named variants, all in one round."""

from collections.abc import Mapping
from typing import Any

from seqvision.errors import UserError
from seqvision.sweeps.proposal import Proposal, Scored


class Variants:
    """One proposal a name, in their order. variants: overrides by name; an empty list is the run as it is."""

    def __init__(self, variants: Mapping[str, Any]):
        if not variants:
            raise UserError("sweep.variants is empty; expected {name: [override, …], …}")
        for name, overrides in variants.items():
            if not isinstance(overrides, list | tuple) or not all(isinstance(each, str) for each in overrides):
                raise UserError(
                    f"sweep.variants: '{name}' is {overrides!r}; expected a list of overrides, "
                    'each in quotes where it has a blank, a comma or brackets: ["optimizer.lr=1e-3", "rnn=lstm"]'
                )
            if any(each.lstrip("+").startswith("seed=") for each in overrides):
                raise UserError(f"sweep.variants: '{name}' has a seed; seeds are for all variants: sweep.seeds=[0,1,2]")
        self.proposals = [Proposal(str(name), tuple(overrides)) for name, overrides in variants.items()]
        folders = [proposal.folder for proposal in self.proposals]
        for proposal in self.proposals:
            if folders.count(proposal.folder) > 1:
                raise UserError(
                    f"sweep.variants: '{proposal.name}' and another make the same folder; name one otherwise"
                )

    @property
    def described(self) -> dict[str, str]:
        return {}

    def propose(self, scored: Scored) -> list[Proposal]:
        return [] if scored else self.proposals

    def check(self) -> list[list[str]]:
        return [list(proposal.overrides) for proposal in self.proposals]

    def notes(self, scored: Scored) -> list[str]:
        return []
