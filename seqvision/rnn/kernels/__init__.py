"""The recurrences' fast paths: sources for a compiler, what compiles them, and autograd around them.

All of them give the reference loop's numbers, values and gradients.
"""

from seqvision.rnn.kernels.attend import Attended, attend, supports_attention
from seqvision.rnn.kernels.elman import elman, supports

__all__ = ["elman", "supports", "attend", "supports_attention", "Attended"]
