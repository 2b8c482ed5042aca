"""Attention: over a feature map, through a window on it, by glimpses of a picture."""

from seqvision.attention.soft import AdditiveAttention, Attention, DotAttention, SoftAttention
from seqvision.attention.window import WindowAttention

__all__ = ["Attention", "SoftAttention", "AdditiveAttention", "DotAttention", "WindowAttention"]
