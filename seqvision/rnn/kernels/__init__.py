"""The recurrences' fast paths: sources for a compiler, what compiles them, and autograd around them.

All of them take packed rows (`seqvision.rnn.packing`) and give the reference loop's numbers, values and gradients.
"""

from seqvision.rnn.kernels.elman import elman, supports

__all__ = ["elman", "supports"]
