"""A walk down a surface: nothing is predicted, so there is nothing to score."""

from seqvision.cli.patterns.base import Pattern
from seqvision.errors import UserError


class Surface(Pattern):
    """Says where the walk can be seen."""

    def load(self) -> None:
        run = self.given.checkpoint[0]
        raise UserError(
            f"{run}: a walk down a surface of two weights predicts nothing, so there is nothing to score or to show of "
            "it on a page of its own. Every step's place stands in metrics.csv in the run's folder; `seqvision train "
            "experiment=lecture/valley` draws the paths of several optimisers"
        )
