"""What becomes of an encoder that learnt elsewhere: the four rows of transfer, the stage to take, and which row to try.

The rows themselves are choices of the configuration (conf/transfer/); here is what they need beside it.
"""

from seqvision.transfer.advice import Advice, advise
from seqvision.transfer.examples import Examples, examples_of
from seqvision.transfer.likeness import Likeness, likeness
from seqvision.transfer.probe import StageScore, StageTable, probe_stages
from seqvision.transfer.rows import StageProbe, Transfer

__all__ = [
    "Transfer",
    "StageProbe",
    "StageTable",
    "StageScore",
    "probe_stages",
    "Examples",
    "examples_of",
    "Likeness",
    "likeness",
    "Advice",
    "advise",
]
