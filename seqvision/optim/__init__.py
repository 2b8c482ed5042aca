"""Optimisers that torch does not have, K-FAC, which stands before any of them, learning-rate schedules over the whole
run, and which parameters get which decay and rate.
"""

from seqvision.optim.adam import UncorrectedAdam, adam
from seqvision.optim.bfgs import BFGS
from seqvision.optim.closures import check_closures, compares_losses
from seqvision.optim.cycles import Cycles, cyclic, restarts
from seqvision.optim.groups import build_optimizer
from seqvision.optim.kfac import KFAC, Exact, Factored
from seqvision.optim.lbfgs import LBFGS
from seqvision.optim.momentum import Momentum, Nesterov
from seqvision.optim.muon import Muon
from seqvision.optim.newton import Newton
from seqvision.optim.preconditioned import shampoo, soap
from seqvision.optim.schedules import constant, cosine, exponential, inverse, one_cycle, step

__all__ = [
    "build_optimizer",
    "check_closures",
    "compares_losses",
    "Momentum",
    "Nesterov",
    "adam",
    "UncorrectedAdam",
    "Muon",
    "LBFGS",
    "BFGS",
    "Newton",
    "KFAC",
    "Factored",
    "Exact",
    "shampoo",
    "soap",
    "constant",
    "step",
    "exponential",
    "inverse",
    "cosine",
    "one_cycle",
    "Cycles",
    "restarts",
    "cyclic",
]
