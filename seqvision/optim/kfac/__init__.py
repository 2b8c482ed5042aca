"""Kronecker-factored curvature: layers and their factors, inverses, and how processes share the work."""

from seqvision.optim.kfac.inverses import Exact, Factored, Inverse
from seqvision.optim.kfac.kfac import KFAC

__all__ = ["KFAC", "Inverse", "Factored", "Exact"]
