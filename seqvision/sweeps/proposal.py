"""What a strategy gives and is given."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Proposal:
    """Overrides that are worth a training (one for each seed), under a name. values: what a search varied, by key."""

    name: str
    overrides: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The name as a folder's."""
        return re.sub(r"[^\w.=+-]+", "_", self.name).strip("_.")[:60] or "variant"


Scored = Sequence[tuple[Proposal, float | None]]


@runtime_checkable
class Strategy(Protocol):
    """Proposals, a round at a time.

    `propose(scored)` is handed all proposals so far with the mean score over their seeds (None where training diverged
    or failed) and gives the next round; nothing, when there is nothing left to try. It must give the same answer to
    the same scores, so that a sweep can be gone on with. described: what is searched, as plain data.
    """

    @property
    def described(self) -> Mapping[str, Any]: ...
    def propose(self, scored: Scored) -> list[Proposal]: ...
    def check(self) -> list[list[str]]:
        """Overrides that name every key and every choice that may come: they are composed before any training."""
        ...

    def notes(self, scored: Scored) -> list[str]:
        """What there is to say of where the best was found."""
        ...
