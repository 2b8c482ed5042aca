"""Many trainings as one: which come next, and what came out of them, as plain data.

Nothing here trains, and nothing knows a configuration: a strategy is handed scores and gives lists of overrides.
"""

from seqvision.sweeps.beside import Beside
from seqvision.sweeps.optuna_search import Optuna
from seqvision.sweeps.proposal import Proposal, Strategy
from seqvision.sweeps.record import Sweep, read_sweep
from seqvision.sweeps.search import CoarseToFine, Grid, Random
from seqvision.sweeps.space import Choice, Range, Space
from seqvision.sweeps.trial import Trial
from seqvision.sweeps.variants import Variants

__all__ = [
    "Proposal",
    "Strategy",
    "Trial",
    "Sweep",
    "read_sweep",
    "Variants",
    "Grid",
    "Random",
    "CoarseToFine",
    "Optuna",
    "Beside",
    "Space",
    "Range",
    "Choice",
]
